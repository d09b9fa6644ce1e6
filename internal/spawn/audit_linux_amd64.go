package spawn

import "golang.org/x/sys/unix"

// auditArch is what a seccomp filter sees in a call of this architecture.
const auditArch = unix.AUDIT_ARCH_X86_64
