// meter N COMMAND [ARG...]: run N copies of a command at once, -N: one after the other, and write to descriptor 3 one line:
//
//	wall-ns user-us system-us maxrss-KiB faults status
//
// that is from before the first start to after the last exit, the sums of the processor time, the largest maxrss, the sum of the page
// faults without reading, and the first wait status that is not 0. In each ARG, @ becomes the number of the copy.
//
// It is not a part of the Go program that calls it: a started process begins with the maxrss of the one that started it,
// so that one has to be small; and nothing else runs in it that could delay the clock.
#define _GNU_SOURCE
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 1000 };

static long long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static char *number(const char *arg, int n)
{
	const char *at = strchr(arg, '@');
	char *out = NULL;
	if (asprintf(&out, "%.*s%d%s", (int)(at - arg), arg, n, at + 1) < 0)
		exit(120);
	return out;
}

int main(int argc, char **argv)
{
	static char **copies[MOST];
	static pid_t pids[MOST];
	int n = argc > 2 ? atoi(argv[1]) : 0;
	int row = n < 0;
	if (row)
		n = -n;
	if (n < 1 || n > MOST)
		return 120;
	for (int i = 0; i < n; i++) {
		copies[i] = calloc((size_t)argc, sizeof(char *));
		if (!copies[i])
			return 120;
		for (int j = 2; j < argc; j++)
			copies[i][j - 2] = j > 2 && strchr(argv[j], '@') ? number(argv[j], i) : argv[j];
	}
	long long user = 0, sys = 0;
	long rss = 0, faults = 0;
	int status = 0;
	extern char **environ;
	posix_spawn_file_actions_t actions;
	if (posix_spawn_file_actions_init(&actions) || posix_spawn_file_actions_addclose(&actions, 3))
		return 120;
	long long start = now();
	for (int i = 0; !row && i < n; i++)
		if (posix_spawn(&pids[i], argv[2], &actions, NULL, copies[i], environ))
			return 121;
	for (int i = 0; i < n; i++) {
		if (row && posix_spawn(&pids[i], argv[2], &actions, NULL, copies[i], environ))
			return 121;
		struct rusage u;
		int s;
		while (wait4(pids[i], &s, 0, &u) < 0)
			if (errno != EINTR)
				return 122;
		user += u.ru_utime.tv_sec * 1000000LL + u.ru_utime.tv_usec;
		sys += u.ru_stime.tv_sec * 1000000LL + u.ru_stime.tv_usec;
		if (u.ru_maxrss > rss)
			rss = u.ru_maxrss;
		faults += u.ru_minflt;
		if (s && !status)
			status = s;
	}
	long long end = now();
	dprintf(3, "%lld %lld %lld %ld %ld %d\n", end - start, user, sys, rss, faults, status);
	return 0;
}
