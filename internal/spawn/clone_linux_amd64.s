#include "go_asm.h"
#include "textflag.h"

#define SYS_rt_sigprocmask	14
#define SYS_getpid		39
#define SYS_exit_group		231
#define SYS_futex		202
#define SYS_ppoll		271
#define FUTEX_WAIT		0
#define FUTEX_WAKE		1
#define SIG_SETMASK		2
#define SIGSET_SIZE		8
#define ESRCH			3
#define EINTR			4

// func clone(s *shared) int
//
// R12 holds s, and R13 the result.
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

	// clone3 or clone: 0 in the child.
	LEAQ	shared_call(R12), BX
	MOVQ	(cloneCall_args+0*8)(BX), DI
	MOVQ	(cloneCall_args+1*8)(BX), SI
	MOVQ	(cloneCall_args+2*8)(BX), DX
	MOVQ	(cloneCall_args+3*8)(BX), R10
	MOVQ	(cloneCall_args+4*8)(BX), R8
	MOVQ	cloneCall_number(BX), AX
	SYSCALL
	TESTQ	AX, AX
	JZ	child
	MOVQ	AX, R13
	JS	unblock			// an errno
	MOVL	shared_glances(R12), AX
	TESTL	AX, AX
	JZ	made

	// ppoll(&s.exit, 1, &s.glance, &s.glanceMask, sizeof), of the first process. The
	// kernel writes into s.glance what is left of it.
	MOVQ	(shared_args+cloneArgs_pidfd)(R12), BX
	MOVL	(BX), AX
	MOVL	AX, (shared_exit+pollFd_fd)(R12)

glance:
	LEAQ	shared_exit(R12), DI
	MOVL	$1, SI
	LEAQ	shared_glance(R12), DX
	LEAQ	shared_glanceMask(R12), R10
	MOVL	$SIGSET_SIZE, R8
	MOVL	$SYS_ppoll, AX
	SYSCALL
	CMPQ	AX, $-EINTR
	JEQ	glance

made:
	MOVL	shared_waits(R12), AX
	TESTL	AX, AX
	JZ	unblock

	// The child is the guard's, if it is offered to that and there is one on duty,
	// else ours: unless it has let go already.
	MOVL	$const_unmade, AX
	MOVQ	shared_duty(R12), BX
	TESTQ	BX, BX
	JZ	keep
	MOVL	$const_guarded, CX
	LOCK
	CMPXCHGL	CX, shared_running(R12)
	JNE	wait
	MOVL	(BX), AX
	TESTL	AX, AX
	JNZ	unblock
	MOVL	$const_guarded, AX

keep:
	MOVL	$const_waited, CX
	LOCK
	CMPXCHGL	CX, shared_running(R12)

wait:
	// futex(&s.running, FUTEX_WAIT, waited, NULL), until the word is cleared or
	// the guard takes over
	MOVL	shared_running(R12), AX
	CMPL	AX, $const_waited
	JNE	unblock
	LEAQ	shared_running(R12), DI
	MOVL	$FUTEX_WAIT, SI
	MOVL	$const_waited, DX
	XORL	R10, R10
	MOVL	$SYS_futex, AX
	SYSCALL
	JMP	wait

unblock:
	// The thread may count no more, long before it has a P again.
	MOVQ	shared_places(R12), BX
	TESTQ	BX, BX
	JZ	unmask
	LOCK
	DECL	(BX)

unmask:
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
	JMP	run<>(SB)

// run is the child's whole life; R12 holds its s. It has another thread's stack
// pointer and must not use it: there is neither a frame nor a call.
TEXT run<>(SB), NOSPLIT|NOFRAME, $0
	MOVQ	shared_first(R12), R13	// the step under way

next:
	MOVQ	(step_args+0*8)(R13), DI
	MOVQ	(step_args+1*8)(R13), SI
	MOVQ	(step_args+2*8)(R13), DX
	MOVQ	(step_args+3*8)(R13), R10
	MOVQ	(step_args+4*8)(R13), R8
	MOVQ	(step_args+5*8)(R13), R9
	MOVQ	step_number(R13), AX
	CMPQ	AX, $const_jumpIf
	JEQ	jumpIf
	CMPQ	AX, $const_branch
	JEQ	branch
	CMPQ	AX, $const_storePID
	JEQ	storePID
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
	MOVQ	shared_report(R12), BX
	MOVQ	AX, failure_errno(BX)
	MOVQ	R13, failure_step(BX)	// before the kernel clears s.running: stores are not reordered

	// exit_group(1) ends this process only: it is no thread of ours.
	MOVL	$1, DI
	MOVL	$SYS_exit_group, AX
	SYSCALL
	INT	$3

branch:
	// clone3 or clone, by the cloneCall at args[0]: the child begins with the step
	// at args[1], and the parent goes on with the next one.
	MOVQ	SI, R14
	MOVQ	DI, BX
	MOVQ	(cloneCall_args+0*8)(BX), DI
	MOVQ	(cloneCall_args+1*8)(BX), SI
	MOVQ	(cloneCall_args+2*8)(BX), DX
	MOVQ	(cloneCall_args+3*8)(BX), R10
	MOVQ	(cloneCall_args+4*8)(BX), R8
	MOVQ	cloneCall_number(BX), AX
	SYSCALL
	ADDQ	$step__size, R13
	CMPQ	AX, $-4095		// -1 to -4095 is an errno
	JCC	failed
	TESTQ	AX, AX
	JZ	branched
	MOVQ	cloneCall_pid(BX), DI
	TESTQ	DI, DI
	JZ	next
	MOVL	AX, (DI)		// which clone(2) does not write itself
	JMP	next

branched:
	MOVQ	R14, R13
	JMP	next

jumpIf:
	ADDQ	$step__size, R13
	MOVW	(DI), AX
	TESTW	AX, AX
	JZ	next
	MOVQ	SI, R13
	JMP	next

storePID:
	MOVL	$SYS_getpid, AX
	SYSCALL
	MOVL	AX, (DI)
	ADDQ	$step__size, R13
	JMP	next

// func guard(duty *guardian)
//
// R12 holds duty, BX the page, SI the address in it, R9 the end of it, and R13 the first
// word that is not cleared, if there is one, with its value in R8.
TEXT ·guard(SB), NOSPLIT, $0-8
	MOVQ	duty+0(FP), R12

	// rt_sigprocmask(SIG_SETMASK, &duty.masks[0], &duty.masks[1], sizeof)
	MOVL	$SIG_SETMASK, DI
	LEAQ	(guardian_masks+0*8)(R12), SI
	LEAQ	(guardian_masks+1*8)(R12), DX
	MOVL	$SIGSET_SIZE, R10
	MOVL	$SYS_rt_sigprocmask, AX
	SYSCALL

on:
	MOVL	$1, AX
	XCHGL	AX, guardian_onDuty(R12)

look:
	XORL	R13, R13
	LEAQ	guardian_words(R12), BX

page:
	LEAQ	guardPage_words(BX), SI
	LEAQ	(const_guardPageWords*8)(SI), R9

word:
	MOVQ	(SI), DI
	TESTQ	DI, DI
	JZ	nextWord
	MOVL	(DI), AX
	TESTL	AX, AX
	JZ	cleared
	CMPL	AX, $const_unmade
	JEQ	nextWord
	TESTQ	R13, R13
	JNZ	nextWord
	MOVQ	DI, R13
	MOVL	AX, R8
	JMP	nextWord

cleared:
	// futex(word, FUTEX_WAKE, INT_MAX): the kernel wakes one, which may have been us
	// and not the thread that has made the child. R10 is no argument.
	MOVQ	SI, R10
	MOVL	$FUTEX_WAKE, SI
	MOVL	$0x7fffffff, DX
	MOVL	$SYS_futex, AX
	SYSCALL
	MOVQ	R10, SI
	MOVQ	$0, (SI)

nextWord:
	ADDQ	$8, SI
	CMPQ	SI, R9
	JNE	word
	MOVQ	guardPage_next(BX), BX
	TESTQ	BX, BX
	JNZ	page
	TESTQ	R13, R13
	JZ	off
	MOVL	guardian_onDuty(R12), AX
	TESTL	AX, AX
	JZ	on

	// futex(word, FUTEX_WAIT, value, &duty.limit)
	MOVQ	R13, DI
	MOVL	$FUTEX_WAIT, SI
	MOVL	R8, DX
	LEAQ	guardian_limit(R12), R10
	MOVL	$SYS_futex, AX
	SYSCALL
	JMP	look

off:
	// Who has seen the guard on duty counts on one more look.
	XORL	AX, AX
	XCHGL	AX, guardian_onDuty(R12)
	TESTL	AX, AX
	JNZ	look

	// rt_sigprocmask(SIG_SETMASK, &duty.masks[1], NULL, sizeof)
	MOVL	$SIG_SETMASK, DI
	LEAQ	(guardian_masks+1*8)(R12), SI
	XORL	DX, DX
	MOVL	$SIGSET_SIZE, R10
	MOVL	$SYS_rt_sigprocmask, AX
	SYSCALL
	RET
