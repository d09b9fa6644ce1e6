#include "go_asm.h"
#include "textflag.h"

#define SYS_rt_sigprocmask	14
#define SYS_exit_group		231
#define SYS_clone3		435
#define SIG_SETMASK		2
#define SIGSET_SIZE		8
#define ESRCH			3

// func clone(s *shared) int
//
// R12 holds s. The child has this thread's stack pointer and must not use it:
// it has neither a frame nor a call.
TEXT ·clone(SB), NOSPLIT, $0-16
	MOVQ	s+0(FP), R12

	// rt_sigprocmask(SIG_SETMASK, &s.every, &s.mask, sizeof): a handler in
	// the child would run on our stack.
	MOVL	$SIG_SETMASK, DI
	LEAQ	shared_every(R12), SI
	LEAQ	shared_mask(R12), DX
	MOVL	$SIGSET_SIZE, R10
	MOVL	$SYS_rt_sigprocmask, AX
	SYSCALL

	// clone3(&s.args, sizeof): 0 in the child.
	LEAQ	shared_args(R12), DI
	MOVL	$cloneArgs__size, SI
	MOVL	$SYS_clone3, AX
	SYSCALL
	TESTQ	AX, AX
	JZ	child
	MOVQ	AX, R13

	// rt_sigprocmask(SIG_SETMASK, &s.mask, NULL, sizeof)
	MOVL	$SIG_SETMASK, DI
	LEAQ	shared_mask(R12), SI
	XORL	DX, DX
	MOVL	$SIGSET_SIZE, R10
	MOVL	$SYS_rt_sigprocmask, AX
	SYSCALL
	MOVQ	R13, ret+8(FP)
	RET

child:
	MOVQ	shared_first(R12), R13	// the step under way

next:
	MOVQ	(step_args+0*8)(R13), DI
	MOVQ	(step_args+1*8)(R13), SI
	MOVQ	(step_args+2*8)(R13), DX
	MOVQ	(step_args+3*8)(R13), R10
	MOVQ	(step_args+4*8)(R13), R8
	MOVQ	(step_args+5*8)(R13), R9
	MOVQ	step_number(R13), AX
	SYSCALL
	MOVQ	step_want(R13), BX
	ADDQ	$step__size, R13
	CMPQ	BX, $-1			// wantAnything
	JEQ	next
	CMPQ	AX, $-4095		// -1 to -4095 is an errno
	JCC	failed
	TESTQ	BX, BX			// wantSuccess
	JZ	next
	CMPQ	AX, BX
	JEQ	next
	MOVQ	$-ESRCH, AX

failed:
	NEGQ	AX
	SUBQ	$step__size, R13
	MOVQ	R13, shared_failed(R12)
	MOVQ	AX, shared_errno(R12)

	// exit_group(1) ends this process only: it is no thread of ours.
	MOVL	$1, DI
	MOVL	$SYS_exit_group, AX
	SYSCALL
	INT	$3
