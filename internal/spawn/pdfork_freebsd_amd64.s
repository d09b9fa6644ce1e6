#include "go_asm.h"
#include "textflag.h"

#define SYS_exit		1
#define SYS_write		4
#define SYS_sigprocmask		340
#define SYS_pdfork		518
#define SIG_SETMASK		3
#define ESRCH			3

// func pdfork(s *shared) int
//
// R12 holds s. A system call sets the carry flag, and AX to the errno, if it
// fails. It keeps BX, R12 and R13, in the child as well.
TEXT ·pdfork(SB), NOSPLIT, $0-16
	MOVQ	s+0(FP), R12

	// sigprocmask(SIG_SETMASK, &s.every, &s.mask): no handler may run in the
	// child.
	MOVL	$SIG_SETMASK, DI
	LEAQ	shared_every(R12), SI
	LEAQ	shared_mask(R12), DX
	MOVL	$SYS_sigprocmask, AX
	SYSCALL

	// pdfork(&s.procdesc, s.flags): 0 in the child.
	LEAQ	shared_procdesc(R12), DI
	MOVQ	shared_flags(R12), SI
	MOVL	$SYS_pdfork, AX
	SYSCALL
	JCS	refused
	TESTQ	AX, AX
	JZ	child
	JMP	parent

refused:
	NEGQ	AX

parent:
	MOVQ	AX, R13

	// sigprocmask(SIG_SETMASK, &s.mask, NULL)
	MOVL	$SIG_SETMASK, DI
	LEAQ	shared_mask(R12), SI
	XORL	DX, DX
	MOVL	$SYS_sigprocmask, AX
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
	MOVQ	step_want(R13), BX	// a move leaves the flags alone
	JCS	error
	TESTQ	BX, BX			// wantSuccess
	JZ	done
	CMPQ	BX, $-1			// wantAnything
	JEQ	done
	CMPQ	AX, BX
	JEQ	done
	MOVL	$ESRCH, AX
	JMP	failed

error:
	CMPQ	BX, $-1			// wantAnything
	JNE	failed

done:
	ADDQ	$step__size, R13
	JMP	next

failed:
	MOVQ	AX, (shared_failure+failure_errno)(R12)
	MOVQ	R13, (shared_failure+failure_step)(R12)

	// write(s.pipe, &s.failure, sizeof)
	MOVQ	shared_pipe(R12), DI
	LEAQ	shared_failure(R12), SI
	MOVL	$failure__size, DX
	MOVL	$SYS_write, AX
	SYSCALL

	// exit(1)
	MOVL	$1, DI
	MOVL	$SYS_exit, AX
	SYSCALL
	INT	$3
