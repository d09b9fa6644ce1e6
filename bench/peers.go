package main

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

//go:embed peers/c/spawn.c
var spawnSource []byte

// buildPeer compiles the C program into dir and returns its path.
func buildPeer(ctx context.Context, dir string) (string, error) {
	compiler, err := exec.LookPath(cmp.Or(os.Getenv("CC"), "cc"))
	if err != nil {
		return "", fmt.Errorf("no C compiler: %w", err)
	}
	source, peer := filepath.Join(dir, "spawn.c"), filepath.Join(dir, "spawn")
	if err := os.WriteFile(source, spawnSource, 0o600); err != nil {
		return "", err
	}
	if out, err := exec.CommandContext(ctx, compiler, "-O2", "-pthread", "-o", peer, source).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", compiler, err, firstLine(out))
	}
	return peer, nil
}

// parsePeer reads the peer's output, lines of "name value...".
func parsePeer(out string) (samples, error) {
	result := samples{}
	for line := range strings.Lines(out) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		for field := range strings.FieldsSeq(rest) {
			x, err := strconv.ParseFloat(field, 64)
			if err != nil {
				return nil, fmt.Errorf("output of the C peer: %w", err)
			}
			result.add(true, name, x)
		}
	}
	if len(result) == 0 {
		return nil, errors.New("the C peer printed nothing")
	}
	return result, nil
}

// firstLine is as much of a program's complaint as fits into a note.
func firstLine(out []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return line
}
