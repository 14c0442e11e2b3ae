//go:build ignore

/*
 * What the init program needs of a C library, and no more: it is linked without one. A static C library runs a fifth of
 * a millisecond of code before main (it asks the processor for its caches, an instruction that traps in a virtual
 * machine), and maps a hundred pages that the memory limit of a container would pay for.
 *
 * The headers are the build machine's; struct stat is the kernel's on the architectures that are named here. The others
 * are linked with their static C library, and leave this file out.
 */
#include "init.h"

#include <elf.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#ifdef RUNG_FREESTANDING

#if defined(__x86_64__)
__asm__(".text\n.globl _start\n.type _start,@function\n_start:\n"
	"	xorl %ebp, %ebp\n"
	"	movq %rsp, %rdi\n"
	"	andq $-16, %rsp\n"
	"	call rung_start\n"
	"	hlt\n"
	".globl rung_sigreturn\n.type rung_sigreturn,@function\nrung_sigreturn:\n"
	"	movl $15, %eax\n"
	"	syscall\n");
void rung_sigreturn(void);

static inline long call6(long n, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;

	__asm__ volatile("syscall" : "+a"(n) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return n;
}
#elif defined(__aarch64__)
__asm__(".text\n.globl _start\n.type _start,%function\n_start:\n"
	"	mov x29, #0\n"
	"	mov x30, #0\n"
	"	mov x0, sp\n"
	"	bl rung_start\n"
	"	brk #1\n");

static inline long call6(long n, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = n, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c,
		      x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
}
#else
#error "RUNG_FREESTANDING: no system calls for this architecture; link it with the static C library"
#endif

int main(int argc, char **argv);
void rung_start(const uintptr_t *stack) __attribute__((noreturn));

/* what gcc -fstack-protector -mstack-protector-guard=global asks for */
void __stack_chk_fail(void) __attribute__((noreturn));
extern uintptr_t __stack_chk_guard;
uintptr_t __stack_chk_guard;

__attribute__((used, no_stack_protector)) void rung_start(const uintptr_t *stack)
{
	const uintptr_t *p = stack + 1 + stack[0] + 1;

	while (*p++ != 0) /* the environment */
		;
	for (; p[0] != AT_NULL; p += 2)
		if (p[0] == AT_RANDOM) /* a string that overflows stops at the byte that is zero */
			__stack_chk_guard = *(const uintptr_t *)p[1] & ~(uintptr_t)0xff;
	_exit(main((int)stack[0], (char **)(stack + 1)));
}

void __stack_chk_fail(void) { __builtin_trap(); }

static int last_error;

int *__errno_location(void) { return &last_error; }

/* Every call below takes part in one convention: the result, or -1 and errno. */
static long result(long r)
{
	if (r >= 0 || r < -4095)
		return r;
	last_error = (int)-r;
	return -1;
}

#define CALL6(n, a, b, c, d, e, f) result(call6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f)))
#define CALL5(n, a, b, c, d, e) CALL6(n, a, b, c, d, e, 0)
#define CALL4(n, a, b, c, d) CALL6(n, a, b, c, d, 0, 0)
#define CALL3(n, a, b, c) CALL6(n, a, b, c, 0, 0, 0)
#define CALL2(n, a, b) CALL6(n, a, b, 0, 0, 0, 0)
#define CALL1(n, a) CALL6(n, a, 0, 0, 0, 0, 0)
#define CALL0(n) CALL6(n, 0, 0, 0, 0, 0, 0)

/* All six are taken, whatever was given: the kernel looks at those that the call has. */
long syscall(long n, ...)
{
	long a[6];
	va_list v;

	va_start(v, n);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(v, long);
	va_end(v);
	return CALL6(n, a[0], a[1], a[2], a[3], a[4], a[5]);
}

void _exit(int status)
{
	for (;;)
		(void)CALL1(SYS_exit_group, status);
}

int openat(int dir, const char *path, int flags, ...)
{
	va_list v;
	mode_t mode;

	va_start(v, flags);
	mode = flags & O_CREAT ? va_arg(v, mode_t) : 0;
	va_end(v);
	return (int)CALL4(SYS_openat, dir, path, flags, mode);
}

int open(const char *path, int flags, ...) /* nothing here makes a file by a bare path */
{
	return (int)CALL4(SYS_openat, AT_FDCWD, path, flags, 0);
}

int fcntl(int fd, int cmd, ...)
{
	va_list v;
	long arg;

	va_start(v, cmd);
	arg = va_arg(v, long);
	va_end(v);
	return (int)CALL3(SYS_fcntl, fd, cmd, arg);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list v;
	long arg;

	va_start(v, request);
	arg = va_arg(v, long);
	va_end(v);
	return (int)CALL3(SYS_ioctl, fd, request, arg);
}

int prctl(int option, ...)
{
	unsigned long a[4];
	va_list v;

	va_start(v, option);
	for (int i = 0; i < 4; i++)
		a[i] = va_arg(v, unsigned long);
	va_end(v);
	return (int)CALL5(SYS_prctl, option, a[0], a[1], a[2], a[3]);
}

/* As signal handlers leave through the restorer where the kernel has no way back of its own (rt_sigaction(2)). */
int sigaction(int sig, const struct sigaction *act, struct sigaction *before)
{
	struct {
		void (*handler)(int);
		unsigned long flags;
		void (*restorer)(void);
		uint64_t mask;
	} in = {0}, out = {0};
	long r;

	if (act != NULL) {
		in.handler = act->sa_handler;
		in.flags = (unsigned long)act->sa_flags;
		memcpy(&in.mask, &act->sa_mask, sizeof in.mask);
#ifdef __x86_64__
		in.flags |= 0x04000000; /* SA_RESTORER */
		in.restorer = rung_sigreturn;
#endif
	}
	r = CALL4(SYS_rt_sigaction, sig, act != NULL ? &in : NULL, before != NULL ? &out : NULL, sizeof in.mask);
	if (r == 0 && before != NULL) {
		memset(before, 0, sizeof *before);
		before->sa_handler = out.handler;
		before->sa_flags = (int)out.flags;
		memcpy(&before->sa_mask, &out.mask, sizeof out.mask);
	}
	return (int)r;
}

int close(int fd) { return (int)CALL1(SYS_close, fd); }
ssize_t read(int fd, void *buf, size_t n) { return CALL3(SYS_read, fd, buf, n); }
ssize_t write(int fd, const void *buf, size_t n) { return CALL3(SYS_write, fd, buf, n); }
int fstat(int fd, struct stat *sb) { return (int)CALL2(SYS_fstat, fd, sb); }
int fstatat(int dir, const char *path, struct stat *sb, int flags)
{
	return (int)CALL4(SYS_newfstatat, dir, path, sb, flags);
}
int stat(const char *path, struct stat *sb) { return fstatat(AT_FDCWD, path, sb, 0); }
int fstatfs(int fd, struct statfs *fs) { return (int)CALL2(SYS_fstatfs, fd, fs); }
ssize_t readlinkat(int dir, const char *path, char *buf, size_t n)
{
	return CALL4(SYS_readlinkat, dir, path, buf, n);
}
int mkdirat(int dir, const char *path, mode_t mode) { return (int)CALL3(SYS_mkdirat, dir, path, mode); }
int mknodat(int dir, const char *path, mode_t mode, dev_t dev)
{
	if (dev != (unsigned int)dev) { /* the kernel would take it for another device */
		errno = EINVAL;
		return -1;
	}
	return (int)CALL4(SYS_mknodat, dir, path, mode, dev);
}
int symlinkat(const char *to, int dir, const char *path) { return (int)CALL3(SYS_symlinkat, to, dir, path); }
int unlinkat(int dir, const char *path, int flags) { return (int)CALL3(SYS_unlinkat, dir, path, flags); }
int fchmod(int fd, mode_t mode) { return (int)CALL2(SYS_fchmod, fd, mode); }
int fchown(int fd, uid_t uid, gid_t gid) { return (int)CALL3(SYS_fchown, fd, uid, gid); }
int fchownat(int dir, const char *path, uid_t uid, gid_t gid, int flags)
{
	return (int)CALL5(SYS_fchownat, dir, path, uid, gid, flags);
}
int fsetxattr(int fd, const char *name, const void *value, size_t n, int flags)
{
	return (int)CALL5(SYS_fsetxattr, fd, name, value, n, flags);
}
ssize_t sendfile(int out, int in, off_t *offset, size_t n) { return CALL4(SYS_sendfile, out, in, offset, n); }
mode_t umask(mode_t mask) { return (mode_t)CALL1(SYS_umask, mask); }
int chdir(const char *path) { return (int)CALL1(SYS_chdir, path); }
int fchdir(int fd) { return (int)CALL1(SYS_fchdir, fd); }
int chroot(const char *path) { return (int)CALL1(SYS_chroot, path); }
int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data)
{
	return (int)CALL5(SYS_mount, source, target, type, flags, data);
}
int umount2(const char *target, int flags) { return (int)CALL2(SYS_umount2, target, flags); }
int unshare(int flags) { return (int)CALL1(SYS_unshare, flags); }
int setns(int fd, int type) { return (int)CALL2(SYS_setns, fd, type); }
pid_t setsid(void) { return (pid_t)CALL0(SYS_setsid); }
int sethostname(const char *name, size_t n) { return (int)CALL2(SYS_sethostname, name, n); }
int setdomainname(const char *name, size_t n) { return (int)CALL2(SYS_setdomainname, name, n); }
int personality(unsigned long persona) { return (int)CALL1(SYS_personality, persona); }
int dup2(int from, int to)
{
	return from == to ? fcntl(from, F_GETFD) < 0 ? -1 : to : (int)CALL3(SYS_dup3, from, to, 0);
}
int execve(const char *path, char *const argv[], char *const env[])
{
	return (int)CALL3(SYS_execve, path, argv, env);
}
int madvise(void *at, size_t n, int advice) { return (int)CALL3(SYS_madvise, at, n, advice); }
int socket(int domain, int type, int protocol) { return (int)CALL3(SYS_socket, domain, type, protocol); }
int accept4(int fd, struct sockaddr *restrict addr, socklen_t *restrict n, int flags)
{
	return (int)CALL4(SYS_accept4, fd, addr, n, flags);
}
ssize_t sendmsg(int fd, const struct msghdr *m, int flags) { return CALL3(SYS_sendmsg, fd, m, flags); }
ssize_t recvmsg(int fd, struct msghdr *m, int flags) { return CALL3(SYS_recvmsg, fd, m, flags); }

void *mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
	return (void *)CALL6(SYS_mmap, at, n, protection, flags, fd, offset);
}

/* The system call has no flags (fchmodat(2)); nothing here asks for one. */
int fchmodat(int dir, const char *path, mode_t mode, int flags)
{
	(void)flags;
	return (int)CALL3(SYS_fchmodat, dir, path, mode);
}

/* Built with -fno-tree-loop-distribute-patterns, or the compiler would see memcpy in memcpy and call it. */
void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
#ifdef __x86_64__
	void *d = to;

	__asm__ volatile("rep movsb" : "+D"(d), "+S"(from), "+c"(n) : : "memory");
#else
	for (size_t i = 0; i < n; i++)
		((char *)to)[i] = ((const char *)from)[i];
#endif
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	char *d = to;
	const char *s = from;

	if (d <= s)
		for (size_t i = 0; i < n; i++)
			d[i] = s[i];
	else
		while (n-- > 0)
			d[n] = s[n];
	return to;
}

void *memset(void *to, int c, size_t n)
{
#ifdef __x86_64__
	void *d = to;

	__asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
#else
	for (size_t i = 0; i < n; i++)
		((char *)to)[i] = (char)c;
#endif
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	for (; n > 0; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

// glibc 2.43 has these as macros too, which keep the const of their argument as C23 wants it.
#undef memchr
#undef strchr
#undef strrchr
#undef strstr

void *memchr(const void *p, int c, size_t n)
{
	const unsigned char *x = p;

	for (; n > 0; n--, x++)
		if (*x == (unsigned char)c)
			return (void *)x;
	return NULL;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n] != '\0')
		n++;
	return n;
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n] != '\0')
		n++;
	return n;
}

char *strcpy(char *restrict to, const char *restrict from) { return memcpy(to, from, strlen(from) + 1); }

int strcmp(const char *a, const char *b)
{
	for (; *a != '\0' && *a == *b; a++, b++)
		;
	return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n > 0 && *a != '\0' && *a == *b; a++, b++, n--)
		;
	return n == 0 ? 0 : (unsigned char)*a - (unsigned char)*b;
}

char *strchr(const char *s, int c)
{
	for (; *s != (char)c; s++)
		if (*s == '\0')
			return NULL;
	return (char *)s;
}

char *strrchr(const char *s, int c)
{
	const char *found = NULL;

	do
		if (*s == (char)c)
			found = s;
	while (*s++ != '\0');
	return (char *)found;
}

size_t strspn(const char *s, const char *set)
{
	size_t n = 0;

	while (s[n] != '\0' && strchr(set, s[n]) != NULL)
		n++;
	return n;
}

size_t strcspn(const char *s, const char *set)
{
	size_t n = 0;

	while (s[n] != '\0' && strchr(set, s[n]) == NULL)
		n++;
	return n;
}

char *strstr(const char *s, const char *part)
{
	size_t n = strlen(part);

	for (; strncmp(s, part, n) != 0; s++)
		if (*s == '\0')
			return NULL;
	return (char *)s;
}

#endif
