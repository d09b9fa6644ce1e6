#include "textflag.h"

#define SYS_getrlimit	194
#define RLIMIT_NOFILE	8

// func getrlimit(limit *Limit) uintptr
//
// After an error the carry flag is set and AX is the errno, else AX is 0.
TEXT ·getrlimit(SB), NOSPLIT, $0-16
	MOVL	$RLIMIT_NOFILE, DI
	MOVQ	limit+0(FP), SI
	MOVL	$SYS_getrlimit, AX
	SYSCALL
	MOVQ	AX, ret+8(FP)
	RET
