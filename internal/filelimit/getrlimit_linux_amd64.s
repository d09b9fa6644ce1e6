#include "textflag.h"

#define SYS_prlimit64	302
#define RLIMIT_NOFILE	7

// func getrlimit(limit *Limit) uintptr
TEXT ·getrlimit(SB), NOSPLIT, $0-16
	// prlimit64(0, RLIMIT_NOFILE, NULL, limit)
	XORL	DI, DI
	MOVL	$RLIMIT_NOFILE, SI
	XORL	DX, DX
	MOVQ	limit+0(FP), R10
	MOVL	$SYS_prlimit64, AX
	SYSCALL
	MOVQ	AX, ret+8(FP)
	RET
