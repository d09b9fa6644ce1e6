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
// R19 holds s. A system call sets the carry flag, and R0 to the errno, if it
// fails. It keeps R19 to R21, in the child as well.
TEXT ·pdfork(SB), NOSPLIT, $0-16
	MOVD	s+0(FP), R19

	// sigprocmask(SIG_SETMASK, &s.every, &s.mask): no handler may run in the
	// child.
	MOVD	$SIG_SETMASK, R0
	ADD	$shared_every, R19, R1
	ADD	$shared_mask, R19, R2
	MOVD	$SYS_sigprocmask, R8
	SVC

	// pdfork(&s.procdesc, s.flags): 0 in the child.
	ADD	$shared_procdesc, R19, R0
	MOVD	shared_flags(R19), R1
	MOVD	$SYS_pdfork, R8
	SVC
	BCS	refused
	CBZ	R0, child
	B	parent

refused:
	NEG	R0, R0

parent:
	MOVD	R0, R20

	// sigprocmask(SIG_SETMASK, &s.mask, NULL)
	MOVD	$SIG_SETMASK, R0
	ADD	$shared_mask, R19, R1
	MOVD	ZR, R2
	MOVD	$SYS_sigprocmask, R8
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
	MOVD	step_want(R20), R21	// a load leaves the flags alone
	BCS	error
	CBZ	R21, done		// wantSuccess
	CMN	$1, R21			// wantAnything
	BEQ	done
	CMP	R21, R0
	BEQ	done
	MOVD	$ESRCH, R0
	B	failed

error:
	CMN	$1, R21			// wantAnything
	BNE	failed

done:
	ADD	$step__size, R20
	B	next

failed:
	MOVD	R0, (shared_failure+failure_errno)(R19)
	MOVD	R20, (shared_failure+failure_step)(R19)

	// write(s.pipe, &s.failure, sizeof)
	MOVD	shared_pipe(R19), R0
	ADD	$shared_failure, R19, R1
	MOVD	$failure__size, R2
	MOVD	$SYS_write, R8
	SVC

	// exit(1)
	MOVD	$1, R0
	MOVD	$SYS_exit, R8
	SVC
	BRK	$0
