package wait4

// noHang is WNOHANG of <sys/wait.h>, for which package syscall has no name.
const noHang = 0x1
