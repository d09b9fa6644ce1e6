//go:build unix

package selftest

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

func init() {
	RegisterSized("become", func(user int) {
		for _, err := range []error{syscall.Setgroups(nil), syscall.Setgid(user), syscall.Setuid(user)} {
			if err != nil {
				fmt.Print(err)
				os.Exit(1)
			}
		}
	})
}

// MayBecome tells why a child of ours cannot be another user: root may lack the right
// in a container, and the id in a user namespace. The child that tries it shares no
// memory with us, as package os/exec's with Credential would: Linux takes a program
// that does from its user's debuggers, and much of /proc from the program.
func MayBecome(user int) error {
	path, argv, env := Command("become", fmt.Sprint(user))
	cmd := exec.Command(path, argv[1:]...)
	cmd.Env = env
	if said, err := cmd.Output(); err != nil {
		return fmt.Errorf("no child of this user may be user %d: %s (%w)", user, said, err)
	}
	return nil
}
