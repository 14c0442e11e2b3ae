// probe: says, from inside a container, what the container really has.
//
// The one program in the root file systems of the integration tests. Its arguments are actions, done in order; each
// prints one JSON object on a line of its own: {"op":NAME, ..., "errno":N}. Without arguments it does --report. The
// process ends with status 0 after the last action, unless --exit says otherwise.
//
// It is static, allocates nothing, and starts no thread: it works with a memory limit of 1 MiB and pids.max of 1. It
// includes no <linux/...> header, so that musl-gcc can build it as it comes.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

// ---- output: a JSON writer over one buffer

static char outbuf[16384];
static size_t outlen;
static int comma; // whether the next member needs one before it

static void flush_out(void)
{
	size_t done = 0;
	while (done < outlen) {
		ssize_t n = write(1, outbuf + done, outlen - done);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			break;
		}
		done += (size_t)n;
	}
	outlen = 0;
}

static void put(char c)
{
	if (outlen == sizeof(outbuf))
		flush_out();
	outbuf[outlen++] = c;
}

static void puts_raw(const char *s)
{
	while (*s)
		put(*s++);
}

static void put_string(const char *s, size_t n)
{
	static const char hex[] = "0123456789abcdef";

	put('"');
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		if (c == '"' || c == '\\') {
			put('\\');
			put((char)c);
		} else if (c < 0x20 || c == 0x7f) {
			puts_raw("\\u00");
			put(hex[c >> 4]);
			put(hex[c & 15]);
		} else {
			put((char)c);
		}
	}
	put('"');
}

static void sep(void)
{
	if (comma)
		put(',');
	comma = 1;
}

static void name(const char *key)
{
	sep();
	put_string(key, strlen(key));
	put(':');
}

static void open_with(const char *key, char bracket)
{
	if (key)
		name(key);
	else
		sep();
	put(bracket);
	comma = 0;
}

static void close_with(char bracket)
{
	put(bracket);
	comma = 1;
}

static void str_n(const char *key, const char *s, size_t n)
{
	if (key)
		name(key);
	else
		sep();
	put_string(s, n);
}

static void str(const char *key, const char *s)
{
	str_n(key, s, strlen(s));
}

static void num(const char *key, long long v)
{
	char b[32];

	if (key)
		name(key);
	else
		sep();
	snprintf(b, sizeof(b), "%lld", v);
	puts_raw(b);
}

static void unum(const char *key, unsigned long long v)
{
	char b[32];

	if (key)
		name(key);
	else
		sep();
	snprintf(b, sizeof(b), "%llu", v);
	puts_raw(b);
}

static void boolean(const char *key, int v)
{
	name(key);
	puts_raw(v ? "true" : "false");
}

static void begin(const char *op)
{
	comma = 0;
	open_with(NULL, '{');
	str("op", op);
}

static void end_line(void)
{
	close_with('}');
	put('\n');
	flush_out();
}

// result ends an action's object with how the system call went.
static void result(long r)
{
	int e = r < 0 ? errno : 0;

	num("errno", e);
	if (e)
		str("error", strerror(e));
	end_line();
}

// ---- reading

static char file[1 << 18]; // touched only as far as used

static ssize_t slurp_fd(int fd, char *buf, size_t size)
{
	size_t n = 0;

	while (n < size) {
		ssize_t r = read(fd, buf + n, size - n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -1;
		if (r == 0)
			break;
		n += (size_t)r;
	}
	return (ssize_t)n;
}

static ssize_t slurp(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), e;
	ssize_t n;

	if (fd < 0)
		return -1;
	n = slurp_fd(fd, buf, size);
	e = errno;
	close(fd);
	errno = e;
	return n;
}

// text adds a small file's contents without the newline at its end; nothing when it cannot be read.
static void text(const char *key, const char *path)
{
	ssize_t n = slurp(path, file, sizeof(file));

	if (n < 0)
		return;
	while (n > 0 && (file[n - 1] == '\n' || file[n - 1] == '\0'))
		n--;
	str_n(key, file, (size_t)n);
}

static void link_target(const char *key, const char *path)
{
	char b[PATH_MAX];
	ssize_t n = readlink(path, b, sizeof(b));

	if (n >= 0)
		str_n(key, b, (size_t)n);
}

static const char *type_of(mode_t m)
{
	switch (m & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "dir";
	case S_IFLNK:
		return "link";
	case S_IFCHR:
		return "char";
	case S_IFBLK:
		return "block";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	}
	return "none"; // anonymous inodes
}

static void stat_members(const struct stat *st)
{
	str("type", type_of(st->st_mode));
	num("mode", st->st_mode & 07777);
	num("uid", st->st_uid);
	num("gid", st->st_gid);
	num("size", st->st_size);
	num("ino", (long long)st->st_ino);
	unum("dev", st->st_dev);
	num("nlink", (long long)st->st_nlink);
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
		num("major", major(st->st_rdev));
		num("minor", minor(st->st_rdev));
	}
}

// ---- the report

static void list_dir(const char *key, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	open_with(key, '[');
	while (d && (e = readdir(d))) {
		struct stat st;
		char b[PATH_MAX];
		ssize_t n;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			memset(&st, 0, sizeof(st));
		open_with(NULL, '{');
		str("name", e->d_name);
		stat_members(&st);
		if (S_ISLNK(st.st_mode) && (n = readlinkat(fd, e->d_name, b, sizeof(b))) >= 0)
			str_n("target", b, (size_t)n);
		close_with('}');
	}
	close_with(']');
	if (d)
		closedir(d);
}

static void one_fd(int fd)
{
	char path[40];
	struct stat st;
	struct winsize ws;
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fstat(fd, &st) < 0)
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	open_with(NULL, '{');
	num("fd", fd);
	link_target("target", path);
	stat_members(&st);
	num("flags", flags);
	boolean("tty", isatty(fd));
	if (isatty(fd)) {
		if (ioctl(fd, TIOCGWINSZ, &ws) == 0) {
			num("rows", ws.ws_row);
			num("cols", ws.ws_col);
		}
		num("sid", tcgetsid(fd));
		num("tpgid", tcgetpgrp(fd));
	}
	close_with('}');
}

static void fds(void)
{
	int self = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = self < 0 ? NULL : fdopendir(self);
	struct dirent *e;

	open_with("fds", '[');
	if (d) {
		while ((e = readdir(d)))
			if (e->d_name[0] != '.' && atoi(e->d_name) != self)
				one_fd(atoi(e->d_name));
		closedir(d);
	} else {
		for (int fd = 0; fd < 1024; fd++)
			one_fd(fd);
	}
	close_with(']');
}

// next_word cuts the next word off *p, at the byte `at`.
static char *next_word(char **p, char at)
{
	char *w = *p, *q;

	if (!w)
		return (char *)"";
	q = strchr(w, at);
	if (q) {
		*q = 0;
		*p = q + 1;
	} else {
		*p = NULL;
	}
	return w;
}

// unescape undoes what the kernel did to blanks in paths: \040 and the like.
static char *unescape(char *s)
{
	char *to = s, *from = s;

	while (*from) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] && from[3]) {
			*to++ = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
			from += 4;
		} else {
			*to++ = *from++;
		}
	}
	*to = 0;
	return s;
}

static void mounts(void)
{
	ssize_t n = slurp("/proc/self/mountinfo", file, sizeof(file) - 1);
	char *p = file;

	if (n < 0)
		return;
	file[n] = 0;
	open_with("mounts", '[');
	while (p && *p) {
		char *line = next_word(&p, '\n'), *w;

		open_with(NULL, '{');
		num("id", atoll(next_word(&line, ' ')));
		num("parent", atoll(next_word(&line, ' ')));
		str("device", next_word(&line, ' '));
		str("root", unescape(next_word(&line, ' ')));
		str("target", unescape(next_word(&line, ' ')));
		str("options", next_word(&line, ' '));
		open_with("optional", '[');
		while (line && strcmp(w = next_word(&line, ' '), "-"))
			str(NULL, w);
		close_with(']');
		str("fstype", next_word(&line, ' '));
		str("source", unescape(next_word(&line, ' ')));
		str("super", next_word(&line, ' '));
		close_with('}');
	}
	close_with(']');
}

static void cgroups(void)
{
	ssize_t n = slurp("/proc/self/cgroup", file, sizeof(file) - 1);
	char *p = file;

	if (n < 0)
		return;
	file[n] = 0;
	open_with("cgroup", '[');
	while (p && *p)
		str(NULL, next_word(&p, '\n'));
	close_with(']');
}

static void caps(void)
{
	struct {
		uint32_t version;
		int pid;
	} hdr = { 0x20080522, 0 };
	struct {
		uint32_t effective, permitted, inheritable;
	} d[2] = { 0 };
	unsigned long long bounding = 0, ambient = 0;

	open_with("caps", '{');
	if (syscall(SYS_capget, &hdr, d) == 0) {
		unum("effective", (unsigned long long)d[1].effective << 32 | d[0].effective);
		unum("permitted", (unsigned long long)d[1].permitted << 32 | d[0].permitted);
		unum("inheritable", (unsigned long long)d[1].inheritable << 32 | d[0].inheritable);
	}
	for (int c = 0; c < 64; c++) {
		if (prctl(23 /* PR_CAPBSET_READ */, c, 0, 0, 0) == 1)
			bounding |= 1ULL << c;
		if (prctl(47 /* PR_CAP_AMBIENT */, 1 /* IS_SET */, c, 0, 0) == 1)
			ambient |= 1ULL << c;
	}
	unum("bounding", bounding);
	unum("ambient", ambient);
	close_with('}');
}

static void interfaces(void)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	open_with("interfaces", '[');
	for (int i = 1; s >= 0 && i < 64; i++) {
		struct ifreq r;

		memset(&r, 0, sizeof(r));
		r.ifr_ifindex = i;
		if (ioctl(s, SIOCGIFNAME, &r) < 0)
			continue;
		open_with(NULL, '{');
		str("name", r.ifr_name);
		if (ioctl(s, SIOCGIFFLAGS, &r) == 0) {
			num("flags", (unsigned short)r.ifr_flags);
			boolean("up", r.ifr_flags & IFF_UP);
		}
		if (ioctl(s, SIOCGIFMTU, &r) == 0)
			num("mtu", r.ifr_mtu);
		if (ioctl(s, SIOCGIFADDR, &r) == 0) {
			char b[INET_ADDRSTRLEN];
			struct sockaddr_in in;

			memcpy(&in, &r.ifr_addr, sizeof(in));
			if (inet_ntop(AF_INET, &in.sin_addr, b, sizeof(b)))
				str("addr", b);
		}
		if (ioctl(s, SIOCGIFHWADDR, &r) == 0) {
			char b[24];
			unsigned char *h = (unsigned char *)r.ifr_hwaddr.sa_data;

			snprintf(b, sizeof(b), "%02x:%02x:%02x:%02x:%02x:%02x", h[0], h[1], h[2], h[3], h[4], h[5]);
			str("mac", b);
		}
		close_with('}');
	}
	close_with(']');
	if (s >= 0)
		close(s);
}

static void scheduling(void)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
		uint32_t util_min, util_max;
	} a = { 0 };
	unsigned long mask[1024 / 8 / sizeof(long)] = { 0 };
	long n, io;

	a.size = sizeof(a);
	if (syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0) == 0) {
		open_with("sched", '{');
		num("policy", a.policy);
		unum("flags", a.flags);
		num("nice", a.nice);
		num("priority", a.priority);
		unum("runtime", a.runtime);
		unum("deadline", a.deadline);
		unum("period", a.period);
		close_with('}');
	}
	io = syscall(SYS_ioprio_get, 1 /* a process */, 0);
	open_with("ioprio", '{');
	num("class", io < 0 ? -1 : io >> 13);
	num("priority", io < 0 ? -1 : io & 0x1fff);
	close_with('}');
	n = syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask);
	open_with("affinity", '[');
	for (long c = 0; c < n * 8; c++)
		if (mask[c / (8 * (long)sizeof(long))] >> (c % (8 * (long)sizeof(long))) & 1)
			num(NULL, c);
	close_with(']');
}

static void clocks(void)
{
	struct timespec ts;

	text("timensOffsets", "/proc/self/timens_offsets");
	open_with("clocks", '{'); // in nanoseconds
	if (clock_gettime(CLOCK_MONOTONIC, &ts) == 0)
		num("monotonic", ts.tv_sec * 1000000000LL + ts.tv_nsec);
	if (clock_gettime(CLOCK_BOOTTIME, &ts) == 0)
		num("boottime", ts.tv_sec * 1000000000LL + ts.tv_nsec);
	close_with('}');
}

static void memory_policy(void)
{
	unsigned long nodes[1024 / 8 / sizeof(long)] = { 0 };
	int mode = 0;
	long r = syscall(SYS_get_mempolicy, &mode, nodes, 1024UL, NULL, 0UL);

	open_with("mempolicy", '{');
	num("errno", r < 0 ? errno : 0);
	num("mode", mode & 0xfff);
	num("flags", mode & ~0xfff);
	unum("nodes", nodes[0]);
	close_with('}');
}

static void keyring(void)
{
	char b[512];
	long n = syscall(SYS_keyctl, 6 /* KEYCTL_DESCRIBE */, -3 /* KEY_SPEC_SESSION_KEYRING */, b, sizeof(b));

	if (n > 0)
		str_n("keyring", b, (size_t)(n < (long)sizeof(b) ? n : (long)sizeof(b)) - 1);
	num("keyringID", syscall(SYS_keyctl, 0 /* KEYCTL_GET_KEYRING_ID */, -3, 0));
}

static void report(int argc, char **argv, char **envp)
{
	static const char *const nss[] = { "cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time",
					   "time_for_children", "user", "uts" };
	uid_t u[3];
	gid_t g[3], groups[256];
	struct utsname un;
	struct stat st;
	char b[PATH_MAX];
	mode_t m;
	int n;

	begin("report");
	if (getresuid(&u[0], &u[1], &u[2]) == 0) {
		open_with("uid", '[');
		for (n = 0; n < 3; n++)
			unum(NULL, u[n]);
		close_with(']');
	}
	if (getresgid(&g[0], &g[1], &g[2]) == 0) {
		open_with("gid", '[');
		for (n = 0; n < 3; n++)
			unum(NULL, g[n]);
		close_with(']');
	}
	n = getgroups(256, groups);
	open_with("groups", '[');
	for (int i = 0; i < n; i++)
		unum(NULL, groups[i]);
	close_with(']');
	caps();
	num("noNewPrivs", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	num("seccomp", prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
	num("securebits", prctl(PR_GET_SECUREBITS, 0, 0, 0, 0));
	num("keepcaps", prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0));
	num("dumpable", prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
	n = 0;
	prctl(PR_GET_CHILD_SUBREAPER, &n, 0, 0, 0);
	num("subreaper", n);
	n = 0;
	prctl(PR_GET_PDEATHSIG, &n, 0, 0, 0);
	num("pdeathsig", n);
	m = umask(0);
	umask(m);
	num("umask", m);
	if (getcwd(b, sizeof(b)))
		str("cwd", b);
	open_with("argv", '[');
	for (int i = 0; i < argc; i++)
		str(NULL, argv[i]);
	close_with(']');
	open_with("env", '[');
	for (char **e = envp; *e; e++)
		str(NULL, *e);
	close_with(']');
	open_with("rlimits", '[');
	for (int i = 0; i < 16; i++) {
		uint64_t l[2] = { 0 };

		syscall(SYS_prlimit64, 0, i, NULL, l);
		open_with(NULL, '[');
		unum(NULL, l[0]);
		unum(NULL, l[1]);
		close_with(']');
	}
	close_with(']');
	if (uname(&un) == 0) {
		str("hostname", un.nodename);
		str("domainname", un.domainname);
		str("machine", un.machine);
	}
	num("pid", getpid());
	num("ppid", getppid());
	num("sid", getsid(0));
	num("pgid", getpgrp());
	fds();
	mounts();
	cgroups();
	open_with("ns", '{');
	for (size_t i = 0; i < sizeof(nss) / sizeof(*nss); i++) {
		snprintf(b, sizeof(b), "/proc/self/ns/%s", nss[i]);
		link_target(nss[i], b);
	}
	close_with('}');
	scheduling();
	unum("personality", (unsigned int)syscall(SYS_personality, 0xffffffffUL));
	text("oomScoreAdj", "/proc/self/oom_score_adj");
	clocks();
	memory_policy();
	keyring();
	text("lsm", "/proc/self/attr/current");
	text("status", "/proc/self/status");
	text("uidMap", "/proc/self/uid_map");
	text("gidMap", "/proc/self/gid_map");
	text("setgroups", "/proc/self/setgroups");
	link_target("exe", "/proc/self/exe");
	interfaces();
	list_dir("devices", "/dev");
	if (stat("/", &st) == 0) {
		open_with("root", '{');
		stat_members(&st);
		close_with('}');
	}
	end_line();
}

// ---- actions

static void do_stat(const char *path, int follow)
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

static void do_write(const char *op, const char *path, int flags, const char *data)
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

static void do_read(const char *path)
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
static void do_open(const char *path, const char *mode)
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

static void do_syscall(const char *spec)
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

static void do_fork(int want)
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
static void do_burn(long long ms)
{
	struct timespec t;

	do
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	while (t.tv_sec * 1000LL + t.tv_nsec / 1000000 < ms);
	begin("burn");
	result(0);
}

// do_disk writes so many bytes to a new file, 4 KiB at a time, past the page cache.
static void do_disk(const char *path, long long bytes)
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
static int do_wait(void)
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

static void do_serve(int port)
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
static void do_connect(int port)
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
static void do_bind(int port)
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
static void do_abstract(const char *socket_name)
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

static void do_notify(const char *state)
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

static void do_fill(long long n)
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

static void die(const char *what)
{
	dprintf(2, "probe: %s\n", what);
	_exit(125);
}

// keep gives a descriptor the number that was asked for; it stays open.
static void keep(const char *op, int fd, int number)
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
static void do_fd_dgram(int number, const char *path)
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
static void do_fd_tcp(int number, int accepted)
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
static void do_memory(const char *what, size_t n)
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

static void do_xattr(const char *path, const char *attr)
{
	ssize_t n = lgetxattr(path, attr, file, sizeof(file));

	begin("xattr");
	str("path", path);
	if (n >= 0)
		str_n("data", file, (size_t)n);
	result(n);
}

int main(int argc, char **argv, char **envp)
{
	int i = 1;

	if (argc < 2)
		report(argc, argv, envp);
#define NEXT (i < argc ? argv[i++] : (die("an argument is missing"), (char *)""))
	while (i < argc) {
		const char *a = argv[i++];

		if (!strcmp(a, "--report")) {
			report(argc, argv, envp);
		} else if (!strcmp(a, "--read")) {
			do_read(NEXT);
		} else if (!strcmp(a, "--stat")) {
			do_stat(NEXT, 1);
		} else if (!strcmp(a, "--lstat")) {
			do_stat(NEXT, 0);
		} else if (!strcmp(a, "--ls")) {
			const char *path = NEXT;
			int r = access(path, R_OK), e = errno;

			begin("ls");
			str("path", path);
			list_dir("entries", path);
			errno = e;
			result(r);
		} else if (!strcmp(a, "--write")) {
			const char *path = NEXT;
			do_write("write", path, 0, NEXT);
		} else if (!strcmp(a, "--create")) {
			const char *path = NEXT;
			do_write("create", path, O_CREAT | O_EXCL, NEXT);
		} else if (!strcmp(a, "--append")) {
			const char *path = NEXT;
			do_write("append", path, O_CREAT | O_APPEND, NEXT);
		} else if (!strcmp(a, "--open")) {
			const char *path = NEXT;
			do_open(path, NEXT);
		} else if (!strcmp(a, "--access")) {
			const char *path = NEXT, *how = NEXT;
			int r = access(path, (strchr(how, 'r') ? R_OK : 0) | (strchr(how, 'w') ? W_OK : 0) |
						     (strchr(how, 'x') ? X_OK : 0));
			begin("access");
			str("path", path);
			result(r);
		} else if (!strcmp(a, "--mkdir")) {
			const char *path = NEXT;
			int r = mkdir(path, 0755);
			begin("mkdir");
			str("path", path);
			result(r);
		} else if (!strcmp(a, "--rmdir")) {
			const char *path = NEXT;
			int r = rmdir(path);
			begin("rmdir");
			str("path", path);
			result(r);
		} else if (!strcmp(a, "--unlink")) {
			const char *path = NEXT;
			int r = unlink(path);
			begin("unlink");
			str("path", path);
			result(r);
		} else if (!strcmp(a, "--chown")) {
			const char *path = NEXT;
			uid_t u = (uid_t)strtoul(NEXT, NULL, 10);
			gid_t g = (gid_t)strtoul(NEXT, NULL, 10);
			int r = chown(path, u, g);
			begin("chown");
			str("path", path);
			result(r);
		} else if (!strcmp(a, "--chmod")) {
			const char *path = NEXT;
			int r = chmod(path, (mode_t)strtoul(NEXT, NULL, 8));
			begin("chmod");
			str("path", path);
			result(r);
		} else if (!strcmp(a, "--mknod")) { // PATH c|b|p MAJOR MINOR
			const char *path = NEXT, *type = NEXT;
			unsigned int ma = (unsigned int)atoi(NEXT), mi = (unsigned int)atoi(NEXT);
			mode_t m = *type == 'c' ? S_IFCHR : *type == 'b' ? S_IFBLK : S_IFIFO;
			int r = mknod(path, m | 0600, makedev(ma, mi));
			begin("mknod");
			str("path", path);
			result(r);
		} else if (!strcmp(a, "--mount")) { // SOURCE TARGET TYPE FLAGS
			const char *src = NEXT, *dst = NEXT, *type = NEXT;
			int r = mount(src, dst, type, strtoul(NEXT, NULL, 0), NULL);
			begin("mount");
			str("path", dst);
			result(r);
		} else if (!strcmp(a, "--umount")) {
			const char *path = NEXT;
			int r = umount2(path, MNT_DETACH);
			begin("umount");
			str("path", path);
			result(r);
		} else if (!strcmp(a, "--unshare")) { // flags of unshare(2), a number
			int r = unshare((int)strtoul(NEXT, NULL, 0));
			begin("unshare");
			result(r);
		} else if (!strcmp(a, "--setns")) {
			int fd = open(NEXT, O_RDONLY | O_CLOEXEC);
			int r = setns(fd, 0);
			begin("setns");
			result(r);
		} else if (!strcmp(a, "--sethostname")) {
			const char *h = NEXT;
			int r = sethostname(h, strlen(h));
			begin("sethostname");
			result(r);
		} else if (!strcmp(a, "--chdir")) {
			int r = chdir(NEXT);
			begin("chdir");
			result(r);
		} else if (!strcmp(a, "--chroot")) {
			int r = chroot(NEXT);
			begin("chroot");
			result(r);
		} else if (!strcmp(a, "--setuid")) {
			int r = setuid((uid_t)strtoul(NEXT, NULL, 10));
			begin("setuid");
			result(r);
		} else if (!strcmp(a, "--xattr")) {
			const char *path = NEXT;
			do_xattr(path, NEXT);
		} else if (!strcmp(a, "--syscall")) { // NR[,ARG]...
			do_syscall(NEXT);
		} else if (!strcmp(a, "--fill-memory")) {
			do_fill(atoll(NEXT));
		} else if (!strcmp(a, "--fork")) { // how many children at once; all are gone afterwards
			do_fork(atoi(NEXT));
		} else if (!strcmp(a, "--burn")) { // milliseconds of processor time
			do_burn(atoll(NEXT));
		} else if (!strcmp(a, "--disk")) { // PATH BYTES
			const char *path = NEXT;
			do_disk(path, atoll(NEXT));
		} else if (!strcmp(a, "--child")) { // a child that stays until it is killed, deaf to all else
			pid_t p = fork();
			if (p == 0) {
				sigset_t all;
				sigfillset(&all);
				sigprocmask(SIG_BLOCK, &all, NULL);
				for (;;)
					pause();
			}
			begin("child");
			num("pid", p);
			result(p);
		} else if (!strcmp(a, "--daemon")) { // a child that stays until a signal ends it
			pid_t p = fork();
			if (p == 0) {
				setsid();
				for (;;)
					pause();
			}
			begin("child");
			num("pid", p);
			result(p);
		} else if (!strcmp(a, "--cgroup-child")) { // a child as --daemon's, moved to the cgroup DIR
			const char *dir = NEXT;
			pid_t p = fork();
			char path[PATH_MAX], id[24];
			if (p == 0)
				for (;;)
					pause();
			snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
			snprintf(id, sizeof(id), "%d", p);
			do_write("cgroup-child", path, 0, id);
		} else if (!strcmp(a, "--ignore")) { // ignore the signal from here on
			int sig = atoi(NEXT);
			signal(sig, SIG_IGN);
		} else if (!strcmp(a, "--wait-signal")) {
			do_wait();
		} else if (!strcmp(a, "--until-term")) { // as --wait-signal, until it is SIGTERM
			while (do_wait() != SIGTERM)
				;
		} else if (!strcmp(a, "--winch")) { // the terminal's size after each SIGWINCH, until SIGTERM
			while (do_wait() == SIGWINCH) {
				struct winsize ws = { 0 };
				int r = ioctl(0, TIOCGWINSZ, &ws);
				begin("winsize");
				num("rows", ws.ws_row);
				num("cols", ws.ws_col);
				result(r);
			}
		} else if (!strcmp(a, "--sleep")) { // until a signal ends it
			begin("sleep");
			num("pid", getpid());
			result(0);
			for (;;)
				pause();
		} else if (!strcmp(a, "--stdin")) {
			ssize_t n = slurp_fd(0, file, sizeof(file));
			begin("stdin");
			if (n >= 0)
				str_n("data", file, (size_t)n);
			result(n);
		} else if (!strcmp(a, "--line")) { // one line of standard input
			ssize_t n = 0, r = 1;
			while (n < (ssize_t)sizeof(file) && (r = read(0, file + n, 1)) == 1 && file[n++] != '\n')
				;
			begin("line");
			str_n("data", file, (size_t)n);
			result(r);
		} else if (!strcmp(a, "--read-fd")) {
			int fd = atoi(NEXT);
			ssize_t n = read(fd, file, sizeof(file));
			begin("read-fd");
			num("fd", fd);
			if (n >= 0)
				str_n("data", file, (size_t)n);
			result(n);
		} else if (!strcmp(a, "--write-fd")) {
			int fd = atoi(NEXT);
			const char *data = NEXT;
			ssize_t n = write(fd, data, strlen(data));
			begin("write-fd");
			num("fd", fd);
			result(n);
		} else if (!strcmp(a, "--fd-open")) { // FD PATH: a file that stays open
			int fd = atoi(NEXT);
			keep("fd-open", open(NEXT, O_RDWR | O_CREAT, 0666), fd);
		} else if (!strcmp(a, "--fd-lock")) { // flock(2) of an open file
			int r = flock(atoi(NEXT), LOCK_EX | LOCK_NB), e = errno;
			begin("fd-lock");
			errno = e;
			result(r);
		} else if (!strcmp(a, "--fd-dgram")) { // FD PATH
			int fd = atoi(NEXT);
			do_fd_dgram(fd, NEXT);
		} else if (!strcmp(a, "--fd-tcp")) {
			do_fd_tcp(atoi(NEXT), 1);
		} else if (!strcmp(a, "--fd-tcp-waiting")) { // as --fd-tcp, and never accepted
			do_fd_tcp(atoi(NEXT), 0);
		} else if (!strcmp(a, "--memory")) { // new|change|sum BYTES
			const char *what = NEXT;
			do_memory(what, (size_t)atoll(NEXT));
		} else if (!strcmp(a, "--link")) { // OLD NEW
			const char *old = NEXT;
			int r = link(old, NEXT), e = errno;
			begin("link");
			str("path", old);
			errno = e;
			result(r);
		} else if (!strcmp(a, "--out")) { // output goes to the end of this file from here on
			const char *path = NEXT;
			int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
			if (fd < 0)
				die(strerror(errno));
			if (fd != 1) {
				dup2(fd, 1);
				close(fd);
			}
		} else if (!strcmp(a, "--echo")) { // plain text to standard output
			puts_raw(NEXT);
			put('\n');
			flush_out();
		} else if (!strcmp(a, "--stderr")) {
			const char *s = NEXT;
			if (write(2, s, strlen(s)) < 0 || write(2, "\n", 1) < 0)
				_exit(124);
		} else if (!strcmp(a, "--notify")) {
			do_notify(NEXT);
		} else if (!strcmp(a, "--serve")) {
			do_serve(atoi(NEXT));
		} else if (!strcmp(a, "--connect")) {
			do_connect(atoi(NEXT));
		} else if (!strcmp(a, "--bind")) {
			do_bind(atoi(NEXT));
		} else if (!strcmp(a, "--abstract")) {
			do_abstract(NEXT);
		} else if (!strcmp(a, "--kill")) { // PID SIGNAL
			int pid = atoi(NEXT), r = kill(pid, atoi(NEXT)), e = errno;

			begin("kill");
			num("pid", pid);
			errno = e;
			result(r);
		} else if (!strcmp(a, "--core-cookie")) { // of core scheduling; 0 is none
			unsigned long long cookie = 0;
			int r = prctl(62 /* PR_SCHED_CORE */, 0 /* GET */, 0, 0, &cookie), e = errno;
			char b[32];

			snprintf(b, sizeof(b), "%llu", cookie);
			begin("core-cookie");
			str("data", b);
			errno = e;
			result(r);
		} else if (!strcmp(a, "--raise")) {
			int sig = atoi(NEXT);
			signal(sig, SIG_DFL);
			raise(sig);
		} else if (!strcmp(a, "--exec")) { // the rest is a command
			int e;
			execv(argv[i], argv + i);
			e = errno;
			begin("exec");
			errno = e;
			result(-1);
			_exit(e == ENOENT ? 127 : 126);
		} else if (!strcmp(a, "--exit")) {
			_exit(atoi(NEXT));
		} else {
			die(a);
		}
	}
	return 0;
}
