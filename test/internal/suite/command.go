package suite

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
)

// Output runs a command and returns what it printed. The error names the
// command and what it said on standard error.
func Output(cmd *exec.Cmd) ([]byte, error) {
	var out, said bytes.Buffer
	cmd.Stdout = &out
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		name := strings.Join(cmd.Args[:min(len(cmd.Args), 3)], " ")
		return nil, fmt.Errorf("%s: %w\n%s", name, err, LastLines(said.Bytes(), 20))
	}
	return out.Bytes(), nil
}

// LastLines returns at most n lines of the end of b.
func LastLines(b []byte, n int) []byte {
	b = bytes.TrimRight(b, "\n")
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] == '\n' {
			if n--; n == 0 {
				return b[i+1:]
			}
		}
	}
	return b
}
