//go:build ignore

/* What makes the process of the container: terminal, identity, capabilities, filter, and the wait for its start. */
#include "init.h"
#include "passwd.h"

#include <elf.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>

void op_controlling_terminal(void)
{
	if (ioctl(0, TIOCSCTTY, 0) < 0)
		fail_errno(STEP_IOCTL);
}

/* The terminal is reached from the ptmx descriptor (TIOCGPTPEER), never by its name in the container. */
void op_console(const struct op *o)
{
	uint64_t flags = o->n[CONSOLE_N_FLAGS];
	int master, slave, unlock = 0;
	struct stat sb;

	master = open_in_root("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC, 0);
	if (master < 0 && errno == ENOENT)
		master = open_in_root("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC, 0);
	if (master < 0)
		fail(STEP_OPEN, errno, "/dev/pts/ptmx");
	if (fstat(master, &sb) < 0 || !S_ISCHR(sb.st_mode) || sb.st_rdev != makedev(5, 2))
		fail(STEP_VERIFY, ENODEV, "/dev/pts/ptmx");
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		fail_errno(STEP_IOCTL);
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		fail_errno(STEP_IOCTL);
	if (fchown(slave, (uid_t)o->n[CONSOLE_N_UID], (gid_t)-1) < 0 && errno != EINVAL && errno != EPERM)
		fail_errno(STEP_CHOWN);
	if (flags & CONSOLE_SIZE) {
		struct winsize ws = {.ws_row = (unsigned short)o->n[CONSOLE_N_ROWS],
				     .ws_col = (unsigned short)o->n[CONSOLE_N_COLS]};

		if (ioctl(master, TIOCSWINSZ, &ws) < 0)
			fail_errno(STEP_IOCTL);
	}
	if (flags & CONSOLE_BIND_DEV) {
		int tree = clone_tree(slave, "", 0), target;

		if (tree < 0)
			fail_errno(STEP_OPEN_TREE);
		target = open_target("/dev/console", TARGET_FILE,
				     flags & CONSOLE_EXISTING ? MOUNT_NO_CREATE | MOUNT_TARGET_NO_FOLLOW : 0, NULL);
		if (target >= 0) {
			attach(tree, target);
			close(target);
		} else if (errno != ENOENT || !(flags & CONSOLE_EXISTING)) {
			fail(STEP_TARGET, errno, "/dev/console");
		}
		close(tree);
	}
	say(MSG_CONSOLE, 0, master);
	close(master);
	if (dup2(slave, 0) < 0 || dup2(slave, 1) < 0 || dup2(slave, 2) < 0)
		fail_errno(STEP_OP);
	close(slave);
	if (!(flags & CONSOLE_LATER))
		op_controlling_terminal();
}

void op_stdio_owner(const struct op *o)
{
	for (int fd = 0; fd < 3; fd++) {
		struct stat sb;

		if (fstat(fd, &sb) < 0)
			continue;
		/* /dev/null is everybody's; a regular file is the host's (CVE-2026-88265) */
		if (!S_ISFIFO(sb.st_mode) && !S_ISSOCK(sb.st_mode) &&
		    !(S_ISCHR(sb.st_mode) && (major(sb.st_rdev) == 4 || (major(sb.st_rdev) >= 136 && major(sb.st_rdev) <= 143))))
			continue;
		if (sb.st_uid == (uid_t)o->n[STDIO_OWNER_N_UID])
			continue;
		/* a read-only or foreign file system, or an id that is not mapped: the streams work as they are */
		if (fchown(fd, (uid_t)o->n[STDIO_OWNER_N_UID], (gid_t)-1) < 0 && errno != EPERM && errno != EROFS &&
		    errno != EINVAL)
			fail_errno(STEP_CHOWN);
	}
}

void op_keyring(const struct op *o)
{
	enum { owner_search = 0x080000 };
	long ring = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, o->s[KEYRING_S_NAME].p);
	static const char hex[] = "0123456789abcdef";
	char text[4096 + 64], *perm; /* a description has 4095 bytes at most (keyctl(2)) */
	unsigned long mask, uid;
	long n;
	int i;

	if (ring < 0) {
		if (errno == ENOSYS) /* CONFIG_KEYS is off */
			return;
		fail_errno(STEP_KEYRING);
	}
	/* "type;uid;gid;perm;description" (keyctl_describe(3)) */
	n = syscall(SYS_keyctl, KEYCTL_DESCRIBE, ring, text, sizeof text - 1);
	if (n < 0)
		fail_errno(STEP_KEYRING);
	if (n >= (long)sizeof text)
		fail(STEP_KEYRING, EMSGSIZE, "");
	text[n] = '\0';
	for (perm = text, uid = 0, i = 0; i < 3 && perm != NULL; i++) {
		perm = strchr(perm, ';');
		if (perm != NULL)
			perm++;
		for (n = 0; i == 0 && perm != NULL && perm[n] >= '0' && perm[n] <= '9'; n++)
			uid = uid * 10 + (unsigned long)(perm[n] - '0');
	}
	if (perm == NULL)
		fail(STEP_KEYRING, EPROTO, "");
	/* one that somebody else made under that name before: its owner would read the container's keys */
	if (uid != (unsigned long)syscall(SYS_geteuid))
		fail(STEP_KEYRING, EPERM, o->s[KEYRING_S_NAME].p);
	for (mask = 0; *perm != '\0' && strchr(hex, *perm) != NULL; perm++)
		mask = mask << 4 | (unsigned long)(strchr(hex, *perm) - hex);
	if (syscall(SYS_keyctl, KEYCTL_SETPERM, ring, mask | owner_search) < 0)
		fail_errno(STEP_KEYRING);
}

void op_loopback_up(const struct op *o)
{
	struct ifreq ifr;
	int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0); /* any socket carries interface ioctls (netdevice(7)) */

	(void)o;
	if (s < 0)
		fail_errno(STEP_SOCKET);
	memset(&ifr, 0, sizeof ifr);
	strcpy(ifr.ifr_name, "lo");
	ifr.ifr_flags = IFF_UP;
	if (ioctl(s, SIOCSIFFLAGS, &ifr) < 0)
		fail_errno(STEP_IOCTL);
	close(s);
}

void op_scheduler(const struct op *o)
{
	struct sched_attr_v0 a = {
	    .size = sizeof a,
	    .policy = (uint32_t)o->n[SCHEDULER_N_POLICY],
	    .flags = o->n[SCHEDULER_N_FLAGS],
	    .nice = (int32_t)(int64_t)o->n[SCHEDULER_N_NICE],
	    .priority = (uint32_t)o->n[SCHEDULER_N_PRIORITY],
	    .runtime = o->n[SCHEDULER_N_RUNTIME],
	    .deadline = o->n[SCHEDULER_N_DEADLINE],
	    .period = o->n[SCHEDULER_N_PERIOD],
	};

	if (syscall(SYS_sched_setattr, 0, &a, 0) < 0)
		fail_errno(STEP_OP);
}

/*
 * The kernel answers "(unreachable)…" for a directory outside the root: a descriptor of the host that leaked in through
 * /proc/self/fd (CVE-2024-21626).
 */
static void verify_inside(void)
{
	char cwd[PATH_MAX];
	long n = syscall(SYS_getcwd, cwd, sizeof cwd);

	if (n < 0) /* ENAMETOOLONG included: what cannot be told is not taken to be inside */
		fail_errno(STEP_VERIFY);
	if (cwd[0] != '/')
		fail(STEP_VERIFY, EXDEV, "the working directory is outside the container");
}

void op_chdir(const struct op *o)
{
	const char *path = o->s[CHDIR_S_PATH].p;
	uint64_t flags = o->n[CHDIR_N_FLAGS];

	if ((flags & CHDIR_RETRY) && !st.chdir_denied)
		return;
	if (chdir(path) < 0) {
		/* ENOENT: /proc/self is nobody's before the process is in the pid namespace */
		if ((errno == EACCES || errno == ENOENT) && (flags & CHDIR_MAY_DEFER)) {
			st.chdir_denied = true;
			return;
		}
		fail_errno(STEP_CHDIR);
	}
	verify_inside();
}

void op_bounding(const struct op *o)
{
	for (int cap = 0; cap < 64; cap++) {
		if (o->n[BOUNDING_N_KEEP] >> cap & 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) {
			if (errno == EINVAL)
				return; /* past the last that this kernel knows */
			fail_errno(STEP_BOUNDING);
		}
	}
}

void op_identity(const struct op *o)
{
	const struct op_string *groups = &o->s[IDENTITY_S_GROUPS];

	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		fail_errno(STEP_PRCTL);
	/* raw calls: the C library's would signal threads that are not there */
	if (o->n[IDENTITY_N_SKIP_GROUPS] != 1 && syscall(SYS_setgroups, groups->len / 4, groups->p) < 0) {
		if (errno != EPERM || o->n[IDENTITY_N_SKIP_GROUPS] != 2)
			fail_errno(STEP_GROUPS);
		if (groups->len > 0)
			warn(STEP_GROUPS, EPERM, "");
	}
	if (syscall(SYS_setresgid, o->n[IDENTITY_N_GID], o->n[IDENTITY_N_GID], o->n[IDENTITY_N_GID]) < 0)
		fail_errno(STEP_GID);
	if (syscall(SYS_setresuid, o->n[IDENTITY_N_UID], o->n[IDENTITY_N_UID], o->n[IDENTITY_N_UID]) < 0)
		fail_errno(STEP_UID);
}

void op_capset(const struct op *o)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	for (int i = 0; i < 2; i++) {
		data[i].effective = (uint32_t)(o->n[CAPSET_N_EFFECTIVE] >> (32 * i));
		data[i].permitted = (uint32_t)(o->n[CAPSET_N_PERMITTED] >> (32 * i));
		data[i].inheritable = (uint32_t)(o->n[CAPSET_N_INHERITABLE] >> (32 * i));
	}
	if (syscall(SYS_capset, &head, data) < 0)
		fail_errno(STEP_CAPSET);
	for (int cap = 0; cap < 64; cap++)
		if (o->n[CAPSET_N_AMBIENT] >> cap & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			fail_errno(STEP_AMBIENT);
}

static void end_now(int sig) { _exit(128 + sig); }

/*
 * While it waits an init needs none of the pages that its way here has mapped; they come back from the page cache when
 * it goes on. Only what the executable maps read-only is let go.
 */
static void release_segments(void)
{
	/* the linker's: this program begins with its own header, at the address it is linked for */
	extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden")));
	const Elf64_Phdr *p = (const Elf64_Phdr *)((uintptr_t)&__ehdr_start + __ehdr_start.e_phoff);

	for (int i = 0; i < __ehdr_start.e_phnum; i++, p++)
		if (p->p_type == PT_LOAD && !(p->p_flags & PF_W))
			madvise((void *)(p->p_vaddr & ~(uintptr_t)4095), p->p_memsz + (p->p_vaddr & 4095), MADV_DONTNEED);
}

/*
 * A connection is an order only once it has sent a byte: whoever looks whether somebody listens sends none. 'N' asks for
 * the descriptors that HoldNamespaces has kept.
 */
static void wait_for_start(int gate)
{
	for (;;) {
		char order;
		int c = accept4(gate, NULL, NULL, SOCK_CLOEXEC);

		if (c < 0) {
			if (errno == EINTR || errno == ECONNABORTED)
				continue;
			fail_errno(STEP_RECEIVE);
		}
		if (read(c, &order, 1) != 1)
			order = 0;
		if (order == 'S') {
			close(st.control);
			close(gate);
			st.control = c;
			return;
		}
		if (order == 'N')
			tell_namespaces(c);
		close(c);
	}
}

void op_gate(const struct op *o)
{
	struct sigaction act = {.sa_handler = end_now}, before;

	/* pid 1 of a namespace ignores signals that it does not handle (pid_namespaces(7)) */
	if (sigaction(SIGTERM, &act, &before) < 0)
		fail_errno(STEP_OP);
	clock_stop();
	say(MSG_READY, 0, -1);
	if (hear(NULL, NULL) == MSG_GO) {
		if (o->n[GATE_N_FLAGS] & GATE_CONTROL) {
			hear(NULL, NULL);
		} else {
			release_segments();
			wait_for_start((int)o->n[GATE_N_FD]);
		}
	}
	if (sigaction(SIGTERM, &before, NULL) < 0)
		fail_errno(STEP_OP);
}

/*
 * write(2) may not be a notified call, for nobody would answer yet; read(2) may: the runtime takes the descriptor from
 * this process and hands it to the agent before it answers. With SECCOMP_SEND the filter allows sendmsg(2).
 */
static void announce_listener(int fd)
{
	struct message m = {.type = MSG_NOTIFY, .op = st.index, .arg = fd};

	if (st.send_listener)
		send_message(&m, MESSAGE_HEADER, fd);
	else if (write(st.control, &m, MESSAGE_HEADER) < 0)
		_exit(1);
	if (read(st.control, &m, sizeof m) < (ssize_t)MESSAGE_HEADER || m.type != MSG_GO)
		_exit(1);
	close(fd);
}

void op_seccomp(const struct op *o)
{
	const struct op_string *f = &o->s[SECCOMP_S_FILTER];
	struct sock_fprog prog = {.len = (unsigned short)(f->len / sizeof(struct sock_filter)),
				  .filter = (struct sock_filter *)(uintptr_t)f->p};
	long fd;

	clock_stop(); /* the filter may forbid to tell */
	fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, o->n[SECCOMP_N_FILTER_FLAGS], &prog);
	if (fd < 0)
		fail_errno(STEP_OP);
	/* without a listener 0 is no descriptor */
	if (!(o->n[SECCOMP_N_FILTER_FLAGS] & SECCOMP_FILTER_FLAG_NEW_LISTENER))
		return;
	st.send_listener = (o->n[SECCOMP_N_FLAGS] & SECCOMP_SEND) != 0;
	if (o->n[SECCOMP_N_FLAGS] & SECCOMP_KEEP)
		st.listener = (int)fd;
	else if (o->n[SECCOMP_N_FLAGS] & SECCOMP_NOTIFY)
		announce_listener((int)fd);
}

void op_listener(void)
{
	if (st.listener >= 0)
		announce_listener(st.listener);
	st.listener = -1;
}

/*
 * The home of a user in a file of any size, read in pieces of whole lines: a container with little memory may have a
 * passwd of many users. A line that is longer than a piece is no user's, since a home is a path.
 */
static enum passwd_result home_in(int fd, unsigned long uid, char *home, size_t size)
{
	static char buf[1 << 16];
	enum passwd_result r = PASSWD_NONE;
	size_t have = 0, whole;
	bool skip = false;
	ssize_t n;

	do {
		n = read(fd, buf + have, sizeof buf - have);
		if (n < 0)
			return PASSWD_NONE;
		have += (size_t)n;
		for (whole = have; n > 0 && whole > 0 && buf[whole - 1] != '\n';)
			whole--;
		if (whole > 0) {
			const char *from = skip ? memchr(buf, '\n', whole) : buf;

			skip = false;
			if (from != NULL)
				r = passwd_home(from, buf + whole, uid, home, size);
			memmove(buf, buf + whole, have - whole);
			have -= whole;
		} else if (have == sizeof buf) {
			skip = true;
			have = 0;
		}
	} while (n > 0 && r == PASSWD_NONE);
	return r;
}

void op_home(const struct op *o)
{
	const size_t prefix = strlen("HOME=");
	enum passwd_result r = PASSWD_NONE;
	struct stat sb;
	int fd = open_in_root("/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

	strcpy(st.home, "HOME=");
	if (fd >= 0 && fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode))
		r = home_in(fd, (unsigned long)o->n[HOME_N_UID], st.home + prefix, sizeof st.home - prefix);
	if (fd >= 0)
		close(fd);
	if (r != PASSWD_FOUND)
		strcpy(st.home + prefix, "/");
}

/* The pointers of an argument list, in memory taken for this one use. spare entries are left free at the end. */
static char **pointers(const struct op_string *list, size_t spare, size_t *count)
{
	const char *item = NULL;
	size_t n = 0;
	char **v;

	while ((item = list_next(list, item)) != NULL)
		n++;
	v = mmap(NULL, (n + spare + 1) * sizeof *v, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (v == MAP_FAILED)
		fail_errno(STEP_OP);
	*count = 0;
	for (item = NULL; (item = list_next(list, item)) != NULL;)
		v[(*count)++] = (char *)(uintptr_t)item;
	return v;
}

static char **exec_argv, **exec_env;

static void prepare_exec(const struct op_string *argv, const struct op_string *env, bool listen_pid)
{
	static char listen[sizeof "LISTEN_PID=" + NUMBER_MAX];
	size_t n;

	exec_argv = pointers(argv, 0, &n);
	exec_env = pointers(env, 2, &n);
	if (st.home[0] != '\0')
		exec_env[n++] = st.home;
	if (listen_pid) {
		number(strcpy(listen, "LISTEN_PID=") + strlen("LISTEN_PID="), (unsigned long)syscall(SYS_getpid), 10);
		exec_env[n++] = listen;
	}
}

void op_find_exec(const struct op *o)
{
	int err = ENOENT;
	const char *path = NULL;

	while ((path = list_next(&o->s[FIND_EXEC_S_CANDIDATES], path)) != NULL) {
		struct stat sb;

		if (stat(path, &sb) < 0) {
			/* a component of PATH that is no directory is passed over, as execvp(3) does */
			if (errno == EACCES || errno == ELOOP || strlen(path) + 1 == o->s[FIND_EXEC_S_CANDIDATES].len)
				err = errno;
			continue;
		}
		if (S_ISDIR(sb.st_mode)) {
			if (err == ENOENT)
				err = EISDIR;
			continue;
		}
		/* by the effective ids and capabilities, as execve judges */
		if (!(o->n[FIND_EXEC_N_FLAGS] & EXEC_UNASKED) && syscall(SYS_faccessat2, AT_FDCWD, path, X_OK, AT_EACCESS) < 0) {
			if (errno != ENOSYS) {
				err = errno;
				continue;
			}
		}
		st.exec = path;
		prepare_exec(&o->s[FIND_EXEC_S_ARGV], &o->s[FIND_EXEC_S_ENV], (o->n[FIND_EXEC_N_FLAGS] & EXEC_LISTEN_PID) != 0);
		return;
	}
	fail(STEP_EXEC, err, "");
}

void op_exec(const struct op *o)
{
	(void)o;
	if (st.exec == NULL) /* nothing was found, for nothing was looked for */
		fail(STEP_DECODE, EINVAL, "");
	clock_stop();
	execve(st.exec, exec_argv, exec_env);
	fail(STEP_EXEC, errno, st.exec);
}

void op_exec_host(const struct op *o)
{
	prepare_exec(&o->s[EXEC_HOST_S_ARGV], &o->s[EXEC_HOST_S_ENV], false);
	/* not before the last change of ids, which would undo it; a runtime that is gone already does not hear */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		fail_errno(STEP_PRCTL);
	clock_stop();
	say(MSG_EXEC, 0, -1);
	if ((int64_t)o->n[EXEC_HOST_N_FD] >= 0)
		syscall(SYS_execveat, (int)o->n[EXEC_HOST_N_FD], "", exec_argv, exec_env, AT_EMPTY_PATH);
	else
		execve(o->s[EXEC_HOST_S_PATH].p, exec_argv, exec_env);
	fail(STEP_EXEC, errno, "");
}
