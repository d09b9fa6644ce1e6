#include "textflag.h"

#define SYS_getrlimit	194
#define RLIMIT_NOFILE	8

// func getrlimit(limit *Limit) uintptr
//
// After an error the carry flag is set and R0 is the errno, else R0 is 0.
TEXT ·getrlimit(SB), NOSPLIT, $0-16
	MOVD	$RLIMIT_NOFILE, R0
	MOVD	limit+0(FP), R1
	MOVD	$SYS_getrlimit, R8
	SVC
	MOVD	R0, ret+8(FP)
	RET
