/*
 * spawn is the C side of the benchmark: posix_spawn and waitid, one thread,
 * as a careful C program would do it. It prints "name value..." lines:
 * durations in nanoseconds, rates per second.
 *
 *   spawn rate EXIT NANOSECONDS    start and wait for EXIT, one after another
 *   spawn live EXIT HOLD N CHURN   N children at once, CHURN more beside them
 *
 * EXIT is a program that exits with 0 at once, HOLD one that first reads its
 * standard input to the end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
	} else if (argc == 6 && strcmp(argv[1], "live") == 0) {
		live(argv[2], argv[3], atoi(argv[4]), atoi(argv[5]));
	} else {
		fprintf(stderr, "usage: spawn rate EXIT NANOSECONDS | live EXIT HOLD N CHURN\n");
		return 2;
	}
	return 0;
}
