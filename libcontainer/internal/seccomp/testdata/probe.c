/*
 * Installs the filter in FILE with FLAGS and makes calls under it, each in a
 * child of its own: probe FILE FLAGS {64|32}:NR:ARG0 ...
 * Prints for each what came back: "ok", the errno as a number, or "signal N".
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static long call32(long nr, long a)
{
	long r;
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(a), "c"(0), "d"(0) : "memory", "r8", "r9", "r10", "r11");
	return (int)r;
}

int main(int argc, char **argv)
{
	static struct sock_filter code[4096];
	int fd = open(argv[1], O_RDONLY);
	ssize_t n = read(fd, code, sizeof(code));
	struct sock_fprog prog = { .len = n / 8, .filter = code };

	close(fd);
	for (int i = 3; i < argc; i++) {
		int wide = !strncmp(argv[i], "64:", 3);
		char *end;
		long nr = strtol(argv[i] + 3, &end, 0), arg = strtol(end + 1, NULL, 0);
		int *out = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
			    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, atoi(argv[2]), &prog) < 0)
				_exit(99);
			long r = wide ? syscall(nr, arg, 0, 0, 0, 0, 0) : call32(nr, arg);
			*out = wide ? (r < 0 ? errno : 0) : (r < 0 ? -r : 0);
			_exit(0);
		}
		waitpid(pid, &status, 0);
		if (WIFSIGNALED(status))
			printf("signal %d\n", WTERMSIG(status));
		else if (WEXITSTATUS(status))
			printf("not installed\n");
		else if (*out)
			printf("%d\n", *out);
		else
			printf("ok\n");
	}
	return 0;
}
