/*
 * spawn is the C side of the benchmark: posix_spawn and waitid, one thread,
 * as a careful C program would do it. It prints "name value..." lines:
 * durations in nanoseconds, rates per second.
 *
 *   spawn rate EXIT NANOSECONDS    start and wait for EXIT, one after another
 *   spawn vfork EXIT NANOSECONDS N the same by vfork, execve and waitid, in N threads
 *   spawn parts EXIT NANOSECONDS N the same by all that package ward does for a
 *                                  child: a pidfd, signals blocked meanwhile, a
 *                                  table of the child's own with three files, and
 *                                  the program's signal mask; no wait for the exec
 *   spawn live EXIT HOLD N CHURN   N children at once, CHURN more beside them
 *
 * EXIT is a program that exits with 0 at once, HOLD one that first reads its
 * standard input to the end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void fail(const char *what, int err)
{
	fprintf(stderr, "spawn: %s: %s\n", what, strerror(err));
	exit(1);
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static pid_t start(char *path)
{
	char *argv[] = { path, NULL };
	pid_t pid;
	int err = posix_spawn(&pid, path, NULL, NULL, argv, environ);

	if (err != 0)
		fail("posix_spawn", err);
	return pid;
}

static void reap(pid_t pid)
{
	siginfo_t info;

	while (waitid(P_PID, (id_t)pid, &info, WEXITED) != 0)
		if (errno != EINTR)
			fail("waitid", errno);
	if (info.si_code != CLD_EXITED || info.si_status != 0) {
		fprintf(stderr, "spawn: child ended with code %d, status %d\n",
			info.si_code, info.si_status);
		exit(1);
	}
}

static void rate(char *path, int64_t duration)
{
	int64_t begin, end, n = 0;

	for (int i = 0; i < 20; i++)	/* warm up */
		reap(start(path));
	begin = now();
	do {
		reap(start(path));
		n++;
		end = now();
	} while (end - begin < duration);
	printf("rate %f\n", n * 1e9 / (end - begin));
}

/* What the threads of one measurement share. */
static struct {
	char *path;
	int (*once)(char *stack);
	int null;
	int64_t begin, duration;
} work;

static const size_t stack_size = 64 << 10;

static void wait_for(idtype_t type, id_t id)
{
	siginfo_t info;

	while (waitid(type, id, &info, WEXITED) != 0)
		if (errno != EINTR)
			fail("waitid", errno);
	if (info.si_code != CLD_EXITED || info.si_status != 0) {
		fprintf(stderr, "spawn: child ended with code %d, status %d\n",
			info.si_code, info.si_status);
		exit(1);
	}
}

static int child_of_vfork(void *unused)
{
	char *argv[] = { work.path, NULL };

	(void)unused;
	execve(work.path, argv, environ);
	_exit(127);
}

/* vfork(2) itself may not return in a function that goes on. */
static int once_by_vfork(char *stack)
{
	pid_t pid = clone(child_of_vfork, stack + stack_size, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);

	if (pid < 0)
		fail("clone", errno);
	wait_for(P_PID, (id_t)pid);
	return 0;
}

static int child_with_parts(void *mask)
{
	char *argv[] = { work.path, NULL };

	if (syscall(SYS_close_range, 64, ~0U, CLOSE_RANGE_UNSHARE) != 0)
		_exit(126);
	for (int fd = 0; fd < 3; fd++)
		dup3(work.null, fd, 0);
	sigprocmask(SIG_SETMASK, mask, NULL);
	execve(work.path, argv, environ);
	_exit(127);
}

static int once_with_parts(char *stack)
{
	sigset_t every, mask;
	int pidfd;
	pid_t pid;

	sigfillset(&every);
	pthread_sigmask(SIG_SETMASK, &every, &mask);
	pid = clone(child_with_parts, stack + stack_size,
		    CLONE_VM | CLONE_FILES | CLONE_PIDFD | SIGCHLD, &mask, &pidfd);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	if (pid < 0)
		fail("clone", errno);
	wait_for((idtype_t)3 /* P_PIDFD */, (id_t)pidfd);
	close(pidfd);
	return 0;
}

static void *repeat(void *count)
{
	char *stack = malloc(stack_size);

	if (stack == NULL)
		fail("malloc", errno);
	while (now() - work.begin < work.duration) {
		work.once(stack);
		++*(int64_t *)count;
	}
	free(stack);
	return NULL;
}

static void ignored(int sig) { (void)sig; }

static void threads(char *path, int64_t duration, int n, int (*once)(char *))
{
	pthread_t *ids = calloc(n, sizeof *ids);
	int64_t *counts = calloc(n, sizeof *counts), sum = 0, end;

	if (ids == NULL || counts == NULL)
		fail("calloc", errno);
	signal(SIGCHLD, ignored);	/* as the Go runtime has a handler */
	work.path = path;
	work.once = once;
	work.duration = duration;
	if ((work.null = open("/dev/null", O_RDWR | O_CLOEXEC)) < 0)
		fail("/dev/null", errno);
	work.begin = now();
	for (int i = 0; i < n; i++)
		if ((errno = pthread_create(&ids[i], NULL, repeat, &counts[i])) != 0)
			fail("pthread_create", errno);
	for (int i = 0; i < n; i++) {
		pthread_join(ids[i], NULL);
		sum += counts[i];
	}
	end = now();
	printf("rate %f\n", sum * 1e9 / (end - work.begin));
	free(ids);
	free(counts);
}

static void churn(char *path, int n)
{
	printf("churn");
	for (int i = 0; i < n; i++) {
		int64_t begin = now();

		reap(start(path));
		printf(" %lld", (long long)(now() - begin));
	}
	printf("\n");
}

static void live(char *brief, char *hold, int n, int churns)
{
	pid_t *pids = calloc(n + 1, sizeof *pids);
	int64_t begin;
	int end[2];

	/* All children share the read end as their standard input: closing the
	   write end tells them to exit, all at once. */
	if (pids == NULL || pipe(end) != 0 || dup2(end[0], STDIN_FILENO) < 0 ||
	    close(end[0]) != 0 || fcntl(end[1], F_SETFD, FD_CLOEXEC) != 0)
		fail("pipe", errno);

	begin = now();
	for (int i = 0; i < n; i++)
		pids[i] = start(hold);
	if (n > 0)
		printf("start %f\n", (double)(now() - begin) / n);

	usleep(100000);	/* the last children reach their read */
	churn(brief, churns);

	begin = now();
	close(end[1]);
	for (int i = 0; i < n; i++)
		reap(pids[i]);
	if (n > 0)
		printf("reap %lld\n", (long long)(now() - begin));
	free(pids);
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "rate") == 0) {
		rate(argv[2], strtoll(argv[3], NULL, 10));
	} else if (argc == 5 && strcmp(argv[1], "vfork") == 0) {
		threads(argv[2], strtoll(argv[3], NULL, 10), atoi(argv[4]), once_by_vfork);
	} else if (argc == 5 && strcmp(argv[1], "parts") == 0) {
		threads(argv[2], strtoll(argv[3], NULL, 10), atoi(argv[4]), once_with_parts);
	} else if (argc == 6 && strcmp(argv[1], "live") == 0) {
		live(argv[2], argv[3], atoi(argv[4]), atoi(argv[5]));
	} else {
		fprintf(stderr, "usage: spawn rate EXIT NANOSECONDS | vfork EXIT NANOSECONDS N | parts EXIT NANOSECONDS N | live EXIT HOLD N CHURN\n");
		return 2;
	}
	return 0;
}
