#include "go_asm.h"
#include "textflag.h"

#define SYS_exit_group		94
#define SYS_rt_sigprocmask	135
#define SYS_clone3		435
#define SIG_SETMASK		2
#define SIGSET_SIZE		8
#define ESRCH			3

// func clone(s *shared) int
//
// R19 holds s. The child has this thread's stack pointer and must not use it:
// it has neither a frame nor a call.
TEXT ·clone(SB), NOSPLIT, $0-16
	MOVD	s+0(FP), R19

	// rt_sigprocmask(SIG_SETMASK, &s.every, &s.mask, sizeof): a handler in
	// the child would run on our stack.
	MOVD	$SIG_SETMASK, R0
	ADD	$shared_every, R19, R1
	ADD	$shared_mask, R19, R2
	MOVD	$SIGSET_SIZE, R3
	MOVD	$SYS_rt_sigprocmask, R8
	SVC

	// clone3(&s.args, sizeof): 0 in the child.
	ADD	$shared_args, R19, R0
	MOVD	$cloneArgs__size, R1
	MOVD	$SYS_clone3, R8
	SVC
	CBZ	R0, child
	MOVD	R0, R20

	// rt_sigprocmask(SIG_SETMASK, &s.mask, NULL, sizeof)
	MOVD	$SIG_SETMASK, R0
	ADD	$shared_mask, R19, R1
	MOVD	ZR, R2
	MOVD	$SIGSET_SIZE, R3
	MOVD	$SYS_rt_sigprocmask, R8
	SVC
	MOVD	R20, ret+8(FP)
	RET

child:
	MOVD	shared_first(R19), R20	// the step under way

next:
	MOVD	(step_args+0*8)(R20), R0
	MOVD	(step_args+1*8)(R20), R1
	MOVD	(step_args+2*8)(R20), R2
	MOVD	(step_args+3*8)(R20), R3
	MOVD	(step_args+4*8)(R20), R4
	MOVD	(step_args+5*8)(R20), R5
	MOVD	step_number(R20), R8
	SVC
	MOVD	step_want(R20), R21
	ADD	$step__size, R20
	CMN	$1, R21			// wantAnything
	BEQ	next
	CMN	$4095, R0		// -1 to -4095 is an errno
	BCS	failed
	CBZ	R21, next		// wantSuccess
	CMP	R21, R0
	BEQ	next
	MOVD	$-ESRCH, R0

failed:
	NEG	R0, R0
	SUB	$step__size, R20
	MOVD	R20, shared_failed(R19)
	MOVD	R0, shared_errno(R19)

	// exit_group(1) ends this process only: it is no thread of ours.
	MOVD	$1, R0
	MOVD	$SYS_exit_group, R8
	SVC
	BRK	$0
