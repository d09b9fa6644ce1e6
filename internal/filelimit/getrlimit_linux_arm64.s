#include "textflag.h"

#define SYS_prlimit64	261
#define RLIMIT_NOFILE	7

// func getrlimit(limit *Limit) uintptr
TEXT ·getrlimit(SB), NOSPLIT, $0-16
	// prlimit64(0, RLIMIT_NOFILE, NULL, limit)
	MOVD	ZR, R0
	MOVD	$RLIMIT_NOFILE, R1
	MOVD	ZR, R2
	MOVD	limit+0(FP), R3
	MOVD	$SYS_prlimit64, R8
	SVC
	MOVD	R0, ret+8(FP)
	RET
