// What the actions do that are more than a system call.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

void do_stat(const char *path, int follow)
{
	struct stat st;
	struct statfs fs;
	char b[PATH_MAX];
	int r;

	begin(follow ? "stat" : "lstat");
	str("path", path);
	r = follow ? stat(path, &st) : lstat(path, &st);
	if (r == 0) {
		stat_members(&st);
		if (S_ISLNK(st.st_mode)) {
			ssize_t n = readlink(path, b, sizeof(b));

			if (n >= 0)
				str_n("target", b, (size_t)n);
		} else if (statfs(path, &fs) == 0) {
			unum("fs", (unsigned long)fs.f_type);
		}
	}
	result(r);
}

void do_write(const char *op, const char *path, int flags, const char *data)
{
	ssize_t n = -1;
	int fd = open(path, flags | O_WRONLY | O_CLOEXEC, 0644);

	if (fd >= 0) {
		n = write(fd, data, strlen(data));
		if (close(fd) < 0)
			n = -1;
	}
	begin(op);
	str("path", path);
	result(n);
}

void do_read(const char *path)
{
	ssize_t n = slurp(path, file, sizeof(file));
	int e = errno;

	begin("read");
	str("path", path);
	if (n >= 0)
		str_n("data", file, (size_t)n);
	errno = e;
	result(n);
}

// do_open opens in the given mode, and reads or writes a byte: a device may refuse only then.
void do_open(const char *path, const char *mode)
{
	int flags = !strcmp(mode, "r") ? O_RDONLY : !strcmp(mode, "w") ? O_WRONLY : O_RDWR;
	int fd = open(path, flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY), e = errno;

	begin("open");
	str("path", path);
	if (fd >= 0)
		close(fd);
	errno = e;
	result(fd);
}

void do_syscall(const char *spec)
{
	char b[256], *p = b;
	long a[7] = { 0 }, r;

	snprintf(b, sizeof(b), "%s", spec);
	for (int i = 0; i < 7 && p; i++)
		a[i] = (long)strtoull(next_word(&p, ','), NULL, 0);
	errno = 0;
	r = syscall(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
	begin("syscall");
	num("nr", a[0]);
	num("ret", r);
	result(r);
}

void do_fork(int want)
{
	static pid_t kids[4096];
	int got = 0, e = 0;

	while (got < want && got < 4096) {
		pid_t p = fork();

		if (p == 0)
			for (;;)
				pause();
		if (p < 0) {
			e = errno;
			break;
		}
		kids[got++] = p;
	}
	for (int i = 0; i < got; i++)
		kill(kids[i], SIGKILL);
	for (int i = 0; i < got; i++)
		while (waitpid(kids[i], NULL, 0) < 0 && errno == EINTR)
			;
	begin("fork");
	num("count", got);
	errno = e;
	result(e ? -1 : 0);
}

// do_burn keeps a processor busy for so many milliseconds of processor time.
void do_burn(long long ms)
{
	struct timespec t;

	do
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	while (t.tv_sec * 1000LL + t.tv_nsec / 1000000 < ms);
	begin("burn");
	result(0);
}

// do_disk writes so many bytes to a new file, 4 KiB at a time, past the page cache.
void do_disk(const char *path, long long bytes)
{
	static char block[4096] __attribute__((aligned(4096)));
	long long done = 0;
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_DIRECT | O_CLOEXEC, 0644);
	ssize_t n = fd;

	while (fd >= 0 && n >= 0 && done < bytes) {
		n = write(fd, block, sizeof(block));
		if (n > 0)
			done += n;
	}
	begin("disk");
	str("path", path);
	result(n);
}

// do_wait prints a line once every signal is blocked (so none is lost, not even by pid 1, which would drop those it
// has no handler for), then waits for one.
int do_wait(void)
{
	sigset_t all;
	siginfo_t si;
	int sig;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	begin("waiting");
	num("pid", getpid());
	result(0);
	do
		sig = sigwaitinfo(&all, &si);
	while (sig < 0 && errno == EINTR);
	begin("signal");
	num("signal", sig);
	num("sender", si.si_pid);
	result(sig);
	return sig;
}

void do_serve(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int one = 1, s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), c;

	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(s, 8) < 0) {
		begin("serve");
		result(-1);
		return;
	}
	begin("serve");
	num("port", port);
	result(0);
	while ((c = accept(s, NULL, NULL)) >= 0) {
		ssize_t n;

		while ((n = read(c, file, sizeof(file))) > 0)
			if (write(c, file, (size_t)n) < 0)
				break;
		close(c);
	}
}

// do_connect sends a word to a server of do_serve's kind and reads it back.
void do_connect(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), e;
	ssize_t n = -1;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (s >= 0 && connect(s, (struct sockaddr *)&a, sizeof(a)) == 0 && write(s, "echo", 4) == 4)
		n = read(s, file, sizeof(file));
	e = errno;
	begin("connect");
	if (n > 0)
		str_n("data", file, (size_t)n);
	errno = e;
	result(n);
	if (s >= 0)
		close(s);
}

// do_bind takes a TCP port and lets it go again.
void do_bind(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r = s < 0 ? -1 : bind(s, (struct sockaddr *)&a, sizeof(a)), e = errno;

	begin("bind");
	num("port", port);
	errno = e;
	result(r);
	if (s >= 0)
		close(s);
}

// do_abstract connects to a unix socket that has a name but no file.
void do_abstract(const char *socket_name)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	size_t n = strlen(socket_name);
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r, e;

	if (n > sizeof(a.sun_path) - 1)
		n = sizeof(a.sun_path) - 1;
	memcpy(a.sun_path + 1, socket_name, n);
	r = s < 0 ? -1 : connect(s, (struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n));
	e = errno;
	begin("abstract");
	errno = e;
	result(r);
	if (s >= 0)
		close(s);
}

void do_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ssize_t n = -1;

	errno = ENOENT;
	if (path && strlen(path) < sizeof(a.sun_path)) {
		memcpy(a.sun_path, path, strlen(path) + 1);
		n = sendto(s, state, strlen(state), 0, (struct sockaddr *)&a, sizeof(a));
	}
	begin("notify");
	str("path", path ? path : "");
	result(n);
	if (s >= 0)
		close(s);
}

void do_fill(long long n)
{
	char *p = mmap(NULL, (size_t)n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p != MAP_FAILED)
		for (long long i = 0; i < n; i += 4096)
			p[i] = 1;
	begin("fill-memory");
	num("bytes", n);
	result(p == MAP_FAILED ? -1 : 0);
	if (p != MAP_FAILED)
		munmap(p, (size_t)n);
}

void die(const char *what)
{
	dprintf(2, "probe: %s\n", what);
	_exit(125);
}

// keep gives a descriptor the number that was asked for; it stays open.
void keep(const char *op, int fd, int number)
{
	int e;

	if (fd >= 0 && fd != number) {
		int r = dup2(fd, number);

		e = errno;
		close(fd);
		errno = e;
		fd = r;
	}
	e = errno;
	begin(op);
	num("fd", fd);
	errno = e;
	result(fd);
}

// do_fd_dgram leaves a datagram socket open that is connected to the one at path.
void do_fd_dgram(int number, const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_DGRAM, 0);

	if (strlen(path) >= sizeof(a.sun_path))
		die(path);
	memcpy(a.sun_path, path, strlen(path) + 1);
	if (s >= 0 && connect(s, (struct sockaddr *)&a, sizeof(a)) < 0) {
		int e = errno;

		close(s);
		errno = e;
		s = -1;
	}
	keep("fd-dgram", s, number);
}

// do_fd_tcp leaves a TCP connection of the process with itself open: its near end is number, its far end the one behind it, if
// it is to be accepted, and the listener the next.
void do_fd_tcp(int number, int accepted)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM, 0), s = socket(AF_INET, SOCK_STREAM, 0);
	int r;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	r = bind(l, (struct sockaddr *)&a, sizeof(a));
	if (r == 0)
		r = listen(l, 8);
	if (r == 0)
		r = getsockname(l, (struct sockaddr *)&a, &len);
	if (r == 0)
		r = connect(s, (struct sockaddr *)&a, sizeof(a));
	if (r == 0)
		r = dup2(s, number);
	if (r >= 0)
		r = dup2(l, number + 2);
	if (r >= 0 && accepted) {
		int c = accept(l, NULL, NULL);

		r = dup2(c, number + 1);
		close(c);
	}
	begin("fd-tcp");
	num("fd", number);
	result(r);
	close(l);
	close(s);
}

// do_memory works on memory that stays: "new" makes it, "change" writes to its first half, "sum" adds up what it holds.
void do_memory(const char *what, size_t n)
{
	static unsigned char *p;
	unsigned long sum = 0;

	begin("memory");
	if (!strcmp(what, "new")) {
		p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED) {
			result(-1);
			return;
		}
	}
	for (size_t i = 0; i < n; i += 512) { // several of each page, or criu takes it for one of zeros
		if (!strcmp(what, "new"))
			p[i] = (unsigned char)(i >> 9);
		else if (!strcmp(what, "change") && i < n / 2)
			p[i] ^= 0x55;
		sum = sum * 31 + p[i];
	}
	num("count", (long long)(sum & 0x7fffffff));
	result(0);
}

void do_xattr(const char *path, const char *attr)
{
	ssize_t n = lgetxattr(path, attr, file, sizeof(file));

	begin("xattr");
	str("path", path);
	if (n >= 0)
		str_n("data", file, (size_t)n);
	result(n);
}
