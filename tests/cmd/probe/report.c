// --report: all that a process can say of the container it is in.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

void list_dir(const char *key, const char *path)
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
char *next_word(char **p, char at)
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

void report(int argc, char **argv, char **envp)
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
