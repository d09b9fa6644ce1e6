#include "go_asm.h"
#include "textflag.h"

#define SYS_ppoll		73
#define SYS_exit_group		94
#define SYS_futex		98
#define SYS_rt_sigprocmask	135
#define SYS_getpid		172
#define FUTEX_WAIT		0
#define FUTEX_WAKE		1
#define SIG_SETMASK		2
#define SIGSET_SIZE		8
#define ESRCH			3
#define EINTR			4

// func clone(s *shared) int
//
// R19 holds s, and R20 the result.
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

	// clone3 or clone: 0 in the child.
	ADD	$shared_call, R19, R5
	MOVD	(cloneCall_args+0*8)(R5), R0
	MOVD	(cloneCall_args+1*8)(R5), R1
	MOVD	(cloneCall_args+2*8)(R5), R2
	MOVD	(cloneCall_args+3*8)(R5), R3
	MOVD	(cloneCall_args+4*8)(R5), R4
	MOVD	cloneCall_number(R5), R8
	SVC
	CBZ	R0, child
	MOVD	R0, R20
	TBNZ	$63, R20, unblock	// an errno
	MOVWU	shared_glances(R19), R0
	CBZW	R0, made

	// ppoll(&s.exit, 1, &s.glance, &s.glanceMask, sizeof), of the first process. The
	// kernel writes into s.glance what is left of it.
	MOVD	(shared_args+cloneArgs_pidfd)(R19), R5
	MOVWU	(R5), R0
	MOVW	R0, (shared_exit+pollFd_fd)(R19)

glance:
	ADD	$shared_exit, R19, R0
	MOVD	$1, R1
	ADD	$shared_glance, R19, R2
	ADD	$shared_glanceMask, R19, R3
	MOVD	$SIGSET_SIZE, R4
	MOVD	$SYS_ppoll, R8
	SVC
	CMN	$EINTR, R0
	BEQ	glance

made:
	MOVWU	shared_waits(R19), R0
	CBZW	R0, unblock
	ADD	$shared_running, R19, R21

	// The child is the guard's, if it is offered to that and there is one on duty,
	// else ours: unless it has let go already.
	MOVD	$const_unmade, R3
	MOVD	shared_duty(R19), R4
	CBZ	R4, keep
	MOVD	$const_guarded, R1

offer:
	LDAXRW	(R21), R0
	CMPW	R3, R0
	BNE	wait
	STLXRW	R1, (R21), R2
	CBNZW	R2, offer
	DMB	$0xb			// inner shareable: the word before the duty
	LDARW	(R4), R0
	CBNZW	R0, unblock
	MOVD	R1, R3

keep:
	MOVD	$const_waited, R1

again:
	LDAXRW	(R21), R0
	CMPW	R3, R0
	BNE	wait
	STLXRW	R1, (R21), R2
	CBNZW	R2, again

wait:
	// futex(&s.running, FUTEX_WAIT, waited, NULL), until the word is cleared or
	// the guard takes over. What the child has written before is loaded after it.
	LDARW	(R21), R0
	CMPW	$const_waited, R0
	BNE	unblock
	MOVD	R21, R0
	MOVD	$FUTEX_WAIT, R1
	MOVD	$const_waited, R2
	MOVD	ZR, R3
	MOVD	$SYS_futex, R8
	SVC
	B	wait

unblock:
	// The thread may count no more, long before it has a P again.
	MOVD	shared_places(R19), R1
	CBZ	R1, unmask

leave:
	LDAXRW	(R1), R0
	SUBW	$1, R0
	STLXRW	R0, (R1), R2
	CBNZW	R2, leave

unmask:
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
	B	run<>(SB)

// run is the child's whole life; R19 holds its s. It has another thread's stack
// pointer and must not use it: there is neither a frame nor a call.
TEXT run<>(SB), NOSPLIT|NOFRAME, $0
	MOVD	shared_first(R19), R20	// the step under way

next:
	MOVD	(step_args+0*8)(R20), R0
	MOVD	(step_args+1*8)(R20), R1
	MOVD	(step_args+2*8)(R20), R2
	MOVD	(step_args+3*8)(R20), R3
	MOVD	(step_args+4*8)(R20), R4
	MOVD	(step_args+5*8)(R20), R5
	MOVD	step_number(R20), R8
	MOVD	$const_jumpIf, R21
	CMP	R21, R8
	BEQ	jumpIf
	MOVD	$const_branch, R21
	CMP	R21, R8
	BEQ	branch
	MOVD	$const_storePID, R21
	CMP	R21, R8
	BEQ	storePID
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
	MOVD	shared_report(R19), R21
	MOVD	R0, failure_errno(R21)
	MOVD	R20, failure_step(R21)
	DMB	$11			// ISH: before the kernel clears s.running

	// exit_group(1) ends this process only: it is no thread of ours.
	MOVD	$1, R0
	MOVD	$SYS_exit_group, R8
	SVC
	BRK	$0

branch:
	// clone3 or clone, by the cloneCall at args[0]: the child begins with the step
	// at args[1], and the parent goes on with the next one.
	MOVD	R1, R22
	MOVD	R0, R23
	MOVD	(cloneCall_args+0*8)(R23), R0
	MOVD	(cloneCall_args+1*8)(R23), R1
	MOVD	(cloneCall_args+2*8)(R23), R2
	MOVD	(cloneCall_args+3*8)(R23), R3
	MOVD	(cloneCall_args+4*8)(R23), R4
	MOVD	cloneCall_number(R23), R8
	SVC
	ADD	$step__size, R20
	CMN	$4095, R0		// -1 to -4095 is an errno
	BCS	failed
	CBZ	R0, branched
	MOVD	cloneCall_pid(R23), R1
	CBZ	R1, next
	MOVW	R0, (R1)		// which clone(2) does not write itself
	B	next

branched:
	MOVD	R22, R20
	B	next

jumpIf:
	ADD	$step__size, R20
	MOVHU	(R0), R21
	CBZ	R21, next
	MOVD	R1, R20
	B	next

storePID:
	MOVD	R0, R22
	MOVD	$SYS_getpid, R8
	SVC
	MOVW	R0, (R22)
	ADD	$step__size, R20
	B	next

// func guard(duty *guardian)
//
// R19 holds duty, R20 the page, R21 the address in it, R22 the end of it, and R23 the
// first word that is not cleared, if there is one, with its value in R24.
TEXT ·guard(SB), NOSPLIT, $0-8
	MOVD	duty+0(FP), R19
	ADD	$guardian_onDuty, R19, R25

	// rt_sigprocmask(SIG_SETMASK, &duty.masks[0], &duty.masks[1], sizeof)
	MOVD	$SIG_SETMASK, R0
	ADD	$(guardian_masks+0*8), R19, R1
	ADD	$(guardian_masks+1*8), R19, R2
	MOVD	$SIGSET_SIZE, R3
	MOVD	$SYS_rt_sigprocmask, R8
	SVC

on:
	MOVD	$1, R0
	STLRW	R0, (R25)
	DMB	$0xb			// inner shareable: the duty before the words

look:
	MOVD	ZR, R23
	ADD	$guardian_words, R19, R20

page:
	ADD	$guardPage_words, R20, R21
	MOVD	$(const_guardPageWords*8), R22
	ADD	R21, R22

word:
	LDAR	(R21), R0
	CBZ	R0, nextWord
	LDARW	(R0), R1
	CBZW	R1, cleared
	CMPW	$const_unmade, R1
	BEQ	nextWord
	CBNZ	R23, nextWord
	MOVD	R0, R23
	MOVD	R1, R24
	B	nextWord

cleared:
	// futex(word, FUTEX_WAKE, INT_MAX): the kernel wakes one, which may have been us
	// and not the thread that has made the child.
	MOVD	$FUTEX_WAKE, R1
	MOVD	$0x7fffffff, R2
	MOVD	$SYS_futex, R8
	SVC
	STLR	ZR, (R21)

nextWord:
	ADD	$8, R21
	CMP	R22, R21
	BNE	word
	ADD	$guardPage_next, R20, R0
	LDAR	(R0), R20
	CBNZ	R20, page
	CBZ	R23, off
	LDARW	(R25), R0
	CBZW	R0, on

	// futex(word, FUTEX_WAIT, value, &duty.limit)
	MOVD	R23, R0
	MOVD	$FUTEX_WAIT, R1
	MOVD	R24, R2
	ADD	$guardian_limit, R19, R3
	MOVD	$SYS_futex, R8
	SVC
	B	look

off:
	// Who has seen the guard on duty counts on one more look.
	LDARW	(R25), R0
	CBZW	R0, leave
	STLRW	ZR, (R25)
	DMB	$0xb			// inner shareable: the duty before the words
	B	look

leave:
	// rt_sigprocmask(SIG_SETMASK, &duty.masks[1], NULL, sizeof)
	MOVD	$SIG_SETMASK, R0
	ADD	$(guardian_masks+1*8), R19, R1
	MOVD	ZR, R2
	MOVD	$SIGSET_SIZE, R3
	MOVD	$SYS_rt_sigprocmask, R8
	SVC
	RET
