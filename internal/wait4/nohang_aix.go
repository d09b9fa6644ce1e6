package wait4

// NoHang is WNOHANG of <sys/wait.h>, for which package syscall has no name.
const NoHang = 0x1
