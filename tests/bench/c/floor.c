// floor ROOTFS V1|V2 NAME GROUP...: what the kernel takes for the default spec's container, and nothing else.
//
// It does what the spec asks for with the fewest system calls that a program could do it with: no file is read, nothing is
// checked, no state is kept, no failure is told of but by the exit status. A runtime that did its other work in no time would take as
// long. GROUP is the directory of the container's control group in each hierarchy. Without a C library, whose start
// would be a tenth of the whole.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#if !defined(__x86_64__)
#error "written for x86-64"
#endif

static long call(long n, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e;

	__asm__ volatile("syscall" : "+a"(n) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
	return n;
}

#define C(n, a, b, c, d, e) call(SYS_##n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))

static void check(long r, int line)
{
	if (r < 0)
		for (;;)
			C(exit_group, line, 0, 0, 0, 0);
}

static int step; /* the exit status says which one failed */
#define DO(n, a, b, c, d, e) (step++, check(C(n, a, b, c, d, e), step))

static void fs(const char *type, const char *to, unsigned long flags, const char *data)
{
	DO(mount, type, to, type, flags, data);
}

static const char *text(char *at, const char *a, const char *b)
{
	char *p = at;

	while (*a)
		*p++ = *a++;
	while (*b)
		*p++ = *b++;
	*p = 0;
	return at;
}

static const char *base(const char *path)
{
	const char *last = path;

	for (; *path; path++)
		if (*path == '/' && path[1])
			last = path + 1;
	return last;
}

static void container(const char *root, int v1, const char *name, char **groups)
{
	static const struct {
		const char *path;
		int minor, major;
	} nodes[] = {{"dev/null", 3, 1}, {"dev/zero", 5, 1}, {"dev/full", 7, 1}, {"dev/random", 8, 1}, {"dev/urandom", 9, 1}, {"dev/tty", 0, 5}};
	static const char *const links[][2] = {{"/proc/self/fd", "dev/fd"}, {"/proc/self/fd/0", "dev/stdin"}, {"/proc/self/fd/1", "dev/stdout"}, {"/proc/self/fd/2", "dev/stderr"}, {"/proc/kcore", "dev/core"}, {"pts/ptmx", "dev/ptmx"}};
	static const char *const masked[] = {"proc/acpi", "proc/kcore", "proc/keys", "proc/timer_list", "sys/firmware"};
	static const char *const readonly[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"};
	static char *const argv[] = {"/payload", 0};
	enum { HIDDEN = MS_NOSUID | MS_NODEV | MS_NOEXEC };
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct caps[2] = {{0x20000420, 0x20000420, 0}, {0, 0, 0}};
	char path[4096], to[4096];

	if (v1)
		for (char **g = groups; *g; g++) {
			long fd = C(open, text(path, *g, "/tasks"), O_WRONLY, 0, 0, 0);

			check(fd, 101);
			DO(write, fd, "0", 1, 0, 0);
			C(close, fd, 0, 0, 0, 0);
		}
	DO(setsid, 0, 0, 0, 0, 0);
	DO(sethostname, name, 4, 0, 0, 0);
	DO(mount, 0, "/", 0, MS_REC | MS_SLAVE, 0);
	DO(mount, root, root, 0, MS_BIND | MS_REC, 0);
	DO(chdir, root, 0, 0, 0, 0);
	fs("proc", "proc", 0, 0);
	fs("tmpfs", "dev", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k");
	DO(mkdir, "dev/pts", 0755, 0, 0, 0);
	fs("devpts", "dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5");
	DO(mkdir, "dev/shm", 0755, 0, 0, 0);
	fs("tmpfs", "dev/shm", HIDDEN, "mode=1777,size=65536k");
	DO(mkdir, "dev/mqueue", 0755, 0, 0, 0);
	fs("mqueue", "dev/mqueue", HIDDEN, 0);
	fs("sysfs", "sys", HIDDEN | MS_RDONLY, 0);
	if (v1) {
		fs("tmpfs", "sys/fs/cgroup", HIDDEN, "mode=755");
		for (char **g = groups; *g; g++) {
			/* /sys/fs/cgroup/HIERARCHY/…: the third name */
			char *h = to, *p = *g + sizeof "/sys/fs/cgroup";

			for (const char *q = "sys/fs/cgroup/"; *q;)
				*h++ = *q++;
			while (*p && *p != '/')
				*h++ = *p++;
			*h = 0;
			DO(mkdir, to, 0755, 0, 0, 0);
			DO(mount, *g, to, 0, MS_BIND, 0);
			DO(mount, 0, to, 0, MS_REMOUNT | MS_BIND | MS_RDONLY | HIDDEN, 0);
		}
		DO(mount, 0, "sys/fs/cgroup", 0, MS_REMOUNT | MS_BIND | MS_RDONLY | HIDDEN, 0);
	} else {
		DO(mount, groups[0], "sys/fs/cgroup", 0, MS_BIND, 0);
		DO(mount, 0, "sys/fs/cgroup", 0, MS_REMOUNT | MS_BIND | MS_RDONLY | HIDDEN, 0);
	}
	for (unsigned i = 0; i < sizeof nodes / sizeof *nodes; i++)
		DO(mknod, nodes[i].path, S_IFCHR | 0666, nodes[i].major << 8 | nodes[i].minor, 0, 0);
	for (unsigned i = 0; i < sizeof links / sizeof *links; i++)
		DO(symlink, links[i][0], links[i][1], 0, 0, 0);
	for (unsigned i = 0; i < sizeof readonly / sizeof *readonly; i++) /* not every kernel has them all */
		if (C(mount, readonly[i], readonly[i], 0, MS_BIND | MS_REC, 0) == 0)
			DO(mount, 0, readonly[i], 0, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_REC, 0);
	for (unsigned i = 0; i < sizeof masked / sizeof *masked; i++) /* those that are directories, or not there, are refused */
		if (C(mount, "/dev/null", masked[i], 0, MS_BIND, 0) < 0)
			C(mount, "tmpfs", masked[i], "tmpfs", MS_RDONLY, 0);
	DO(mount, 0, ".", 0, MS_REMOUNT | MS_BIND | MS_RDONLY, 0);
	DO(pivot_root, ".", ".", 0, 0, 0);
	DO(umount2, ".", MNT_DETACH, 0, 0, 0);
	DO(chdir, "/", 0, 0, 0, 0);
	for (int cap = 0; cap <= 40; cap++)
		if (!(0x20000420ULL >> cap & 1))
			C(prctl, PR_CAPBSET_DROP, cap, 0, 0, 0);
	DO(setresgid, 0, 0, 0, 0, 0);
	DO(setresuid, 0, 0, 0, 0, 0);
	DO(capset, &head, caps, 0, 0, 0);
	DO(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	DO(execve, argv[0], argv, 0, 0, 0);
}

__attribute__((noreturn, used)) void floor_main(long *stack)
{
	char **argv = (char **)(stack + 1), **groups = argv + 4;
	int v1, status = 0;
	long pid;
	struct clone_args args = {.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS, .exit_signal = 17 /* SIGCHLD */};

	if (stack[0] < 5)
		check(-1, 120);
	v1 = argv[2][1] == '1';
	for (char **g = groups; *g; g++)
		DO(mkdir, *g, 0755, 0, 0, 0);
	if (v1) {
		/* a cpuset has to be given processors and memory before it takes a process */
		for (char **g = groups; *g; g++) {
			char path[4096];
			const char *p = *g;
			int cpuset = 0;

			for (; *p; p++)
				cpuset |= p[0] == 'c' && p[1] == 'p' && p[2] == 'u' && p[3] == 's' && p[4] == 'e' && p[5] == 't';
			if (!cpuset)
				continue;
			for (int i = 0; i < 2; i++) {
				static char value[256];
				long fd, n;
				char *end = path;

				text(path, *g, "");
				while (*end)
					end++;
				while (*end != '/')
					end--;
				text(end, i ? "/cpuset.mems" : "/cpuset.cpus", "");
				fd = C(open, path, O_RDONLY, 0, 0, 0);
				n = C(read, fd, value, sizeof value, 0, 0);
				C(close, fd, 0, 0, 0, 0);
				fd = C(open, text(path, *g, i ? "/cpuset.mems" : "/cpuset.cpus"), O_WRONLY, 0, 0, 0);
				check(fd, 102);
				C(write, fd, value, n, 0, 0);
				C(close, fd, 0, 0, 0, 0);
			}
		}
	} else {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)C(open, groups[0], O_PATH | O_DIRECTORY, 0, 0, 0);
	}
	pid = C(clone3, &args, sizeof args, 0, 0, 0);
	check(pid, 103);
	if (pid == 0)
		container(argv[1], v1, base(argv[3]), groups);
	DO(wait4, pid, &status, 0, 0, 0);
	for (char **g = groups; *g; g++)
		DO(rmdir, *g, 0, 0, 0, 0);
	for (;;)
		C(exit_group, status ? 110 : 0, 0, 0, 0, 0);
}

__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall floor_main\n");
