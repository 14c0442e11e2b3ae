// hostile: a process of a container that tries, as long as it runs, to get hold of every process that it sees in /proc:
// of its descriptors, its executable, its memory, its directories, its namespaces, of itself by ptrace(2).
//
// It prints {"op":"hostile"} when it begins, {"op":"seen"} when it first meets a process of the runtime (by its name),
// and after SIGTERM {"op":"done","count":N,"data":TEXT}: N is how often it had such a process before it, TEXT is what
// it has got hold of, empty if nothing. With -caps before the names it only looks, and TEXT is all the capabilities that
// such processes were permitted, in hexadecimal.
//
// With -host FILE CAPABILITIES NAMESPACES it may trace (CAP_SYS_PTRACE), so that it gets hold of every process: TEXT is then
// what is the host's of what it got. FILE is one of the host's that it must not reach, CAPABILITIES a mask, in hexadecimal,
// of those that the others may have, NAMESPACES the links of the host's, as "mnt:[1],net:[2]". All but itself and its
// parent are prey. After SIGUSR1 it prints {"op":"swept"} when it has looked at all that there was then.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t over, asked;
static char loot[8192];
static char **names_of_prey;

static void end(int sig)
{
	(void)sig;
	over = 1;
}

static void ask(int sig)
{
	(void)sig;
	asked++;
}

static void got(int pid, const char *comm, const char *what, const char *more)
{
	size_t n = strlen(loot);

	if (n + 512 > sizeof(loot))
		return;
	snprintf(loot + n, 512, "%s of %d (%.20s) %.300s; ", what, pid, comm, more);
	for (char *p = loot + n; *p; p++)
		if (*p == '"' || *p == '\\' || (unsigned char)*p < 0x20)
			*p = '?';
}

static int open_of(int pid, const char *name, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return open(path, flags | O_CLOEXEC | O_NONBLOCK);
}

static void links(int pid, const char *comm)
{
	static const char *const names[] = { "exe", "cwd", "root", "ns/mnt", "ns/net" };
	char path[64], to[256];
	struct dirent *e;
	DIR *d;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%d/%s", pid, names[i]);
		n = readlink(path, to, sizeof(to) - 1);
		if (n < 0)
			continue;
		to[n] = 0;
		got(pid, comm, names[i], to);
	}
	// root of the same user namespace may list the numbers, and no more
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		int fd;

		if (e->d_name[0] == '.')
			continue;
		if (readlinkat(dirfd(d), e->d_name, to, sizeof(to)) >= 0)
			got(pid, comm, "the target of descriptor", e->d_name);
		fd = openat(dirfd(d), e->d_name, O_PATH | O_CLOEXEC);
		if (fd >= 0) {
			got(pid, comm, "descriptor", e->d_name);
			close(fd);
		}
	}
	if (d)
		closedir(d);
}

static void files(int pid, const char *comm)
{
	// those that are read are opened without asking in a zombie, and are empty there; mem, which has nothing at its
	// beginning, is an error then of a process that lives (Linux 6.1 opens a zombie's as well)
	static const struct {
		const char *name, *find;
		int flags, read;
	} list[] = {
		{ "mem", "mem", O_RDWR, 2 },	    { "exe", "exe", O_RDONLY, 0 },	 { "exe", "writable exe", O_WRONLY, 0 },
		{ "cwd", "cwd", O_PATH, 0 },	    { "root", "root", O_PATH, 0 },	 { "environ", "environ", O_RDONLY, 1 },
		{ "auxv", "auxv", O_RDONLY, 1 },    { "maps", "maps", O_RDONLY, 1 },
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++) {
		int fd = open_of(pid, list[i].name, list[i].flags);
		ssize_t n;
		char byte;

		if (fd < 0)
			continue;
		n = list[i].read ? read(fd, &byte, 1) : 1;
		if (n == 1 || (n < 0 && list[i].read == 2))
			got(pid, comm, list[i].find, "opened");
		close(fd);
	}
}

static void calls(int pid, const char *comm)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { (void *)0x400000, 1 };
	int pidfd;

	if (process_vm_readv(pid, &here, 1, &there, 1, 0) >= 0 || errno == EFAULT)
		got(pid, comm, "process_vm_readv", "");
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd >= 0) {
		for (int fd = 0; fd < 108; fd += fd == 4 ? 96 : 1) {
			int copy = (int)syscall(438 /* pidfd_getfd */, pidfd, fd, 0);

			if (copy >= 0) {
				got(pid, comm, "pidfd_getfd", "");
				close(copy);
			}
		}
		close(pidfd);
	}
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0) {
		got(pid, comm, "ptrace", "seized");
		ptrace(PTRACE_INTERRUPT, pid, NULL, NULL); // the find is enough: it may go on
		if (waitpid(pid, NULL, __WALL) == pid)
			ptrace(PTRACE_DETACH, pid, NULL, NULL);
	}
}

static int each(void (*f)(int pid))
{
	DIR *d = opendir("/proc");
	struct dirent *e;

	if (!d)
		return -1;
	while ((e = readdir(d)))
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
			f(atoi(e->d_name));
	closedir(d);
	return 0;
}

static unsigned long meetings;
static int only_looks;
static unsigned long long permitted;

static void look(int pid)
{
	char text[4096], *at;
	int fd = open_of(pid, "status", O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return;
	text[n] = 0;
	at = strstr(text, "\nCapPrm:");
	// the name is asked of the same read: by the next it may have become its program
	if (at && !strncmp(text, "Name:\trung:", 11))
		permitted |= strtoull(at + 8, NULL, 16);
}

static const char *of_host, *host_namespaces;
static unsigned long long may_have;

// reach tries a file of the host's below a directory that belongs to another process.
static void reach(int pid, const char *comm, const char *what, int dir)
{
	char path[4300], text[64];
	int fd;

	for (int up = 0; up < 2; up++) {
		snprintf(path, sizeof(path), "%s%s", up ? "./../../../../../../../../../../../.." : ".", of_host);
		fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0)
			continue;
		if (read(fd, text, sizeof(text)) > 0)
			got(pid, comm, what, "a file of the host's was read");
		close(fd);
		fd = openat(dir, path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd >= 0) {
			got(pid, comm, what, "a file of the host's was opened to be written");
			close(fd);
		}
	}
}

// is_helper says whether the process has an empty root: the helper that opens a procfs has CAP_SYS_ADMIN and a file system
// context, under a filter that lets it do nothing with them.
static int is_helper(int pid)
{
	char path[64];
	struct dirent *e;
	int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/root/", pid);
	d = opendir(path);
	if (!d)
		return 1; // it ends, and has no root any more
	while ((e = readdir(d)))
		n++;
	closedir(d);
	return n == 2; // "." and ".."
}

static void reach_link(int pid, const char *comm, const char *name)
{
	int fd = open_of(pid, name, O_PATH | O_DIRECTORY);

	if (fd < 0)
		return;
	reach(pid, comm, name, fd);
	close(fd);
}

// host_of takes what is the host's from a process that may be traced.
static void host_of(int pid, const char *comm)
{
	static const char *const names[] = { "ns/mnt", "ns/net", "ns/ipc", "ns/uts", "ns/cgroup" };
	char path[64], to[256], text[4096], *at;
	struct dirent *e;
	ssize_t n;
	int fd;
	DIR *d;

	int helper = is_helper(pid);

	reach_link(pid, comm, "root");
	reach_link(pid, comm, "cwd");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", pid, names[i]);
		n = readlink(path, to, sizeof(to) - 1);
		if (n <= 0)
			continue;
		to[n] = 0;
		if (strstr(host_namespaces, to))
			got(pid, comm, "the host's namespace", to);
	}
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		n = readlinkat(dirfd(d), e->d_name, to, sizeof(to) - 1);
		if (n <= 0)
			continue;
		to[n] = 0;
		if (strchr(to, ':') && strncmp(to, "socket:", 7) && strncmp(to, "pipe:", 5) &&
		    strcmp(to, "anon_inode:[pidfd]") && // of the container's init, in exec
		    !(helper && !strcmp(to, "anon_inode:[fscontext]"))) // a namespace, a pidfd, a memfd …
			got(pid, comm, "descriptor", to);
		fd = openat(dirfd(d), e->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			continue;
		reach(pid, comm, "descriptor", fd);
		close(fd);
	}
	if (d)
		closedir(d);
	fd = open_of(pid, "status", O_RDONLY);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return;
	text[n] = 0;
	at = strstr(text, "\nCapPrm:");
	if (at && strtoull(at + 8, NULL, 16) & ~(may_have | (helper && strstr(text, "\nSeccomp:\t2") ? 1ULL << 21 : 0)))
		got(pid, comm, "capabilities", strtok(at + 9, "\n"));
}

// is_prey says whether the process, its state and name as in proc_pid_stat(5), is one to have.
static int is_prey(int pid, char comm[32])
{
	char stat[128], *from, *to;
	char **name = names_of_prey;
	int fd = open_of(pid, "stat", O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, stat, sizeof(stat) - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return 0;
	stat[n] = 0;
	from = strchr(stat, '(');
	to = strrchr(stat, ')');
	if (!from || !to || to < from || to[1] == 0 || to[2] == 'Z' || to[2] == 'X')
		return 0;
	*to = 0;
	snprintf(comm, 32, "%.31s", from + 1);
	while (*name && strncmp(comm, *name, strlen(*name)))
		name++;
	return *name != NULL;
}

static void attack(int pid)
{
	char comm[32], later[32];
	size_t had = strlen(loot);

	if (!is_prey(pid, comm))
		return;
	if (of_host) {
		if (pid == getpid() || pid == getppid())
			return;
		if (!is_helper(pid) && meetings++ == 0)
			dprintf(1, "{\"op\":\"seen\",\"pid\":%d,\"data\":\"%.20s\"}\n", pid, comm);
		host_of(pid, comm);
		return;
	}
	if (!strncmp(comm, "rung:", 5) && meetings++ == 0)
		dprintf(1, "{\"op\":\"seen\",\"pid\":%d}\n", pid);
	if (only_looks) {
		look(pid);
		return;
	}
	files(pid, comm);
	links(pid, comm);
	calls(pid, comm);
	// It may have become a program of a neighbour's container meanwhile, which is none of the runtime's secrets, or be
	// about to end: without memory a task is everybody's of its user (ptrace(2), "Ptrace access mode checking").
	if (loot[had] && !is_prey(pid, later))
		loot[had] = 0;
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = end };

	if (argc > 4 && !strcmp(argv[1], "-host")) {
		of_host = argv[2];
		may_have = strtoull(argv[3], NULL, 16);
		host_namespaces = argv[4];
		argv += 4;
	}
	only_looks = argv[1] && !strcmp(argv[1], "-caps");
	static char *everybody[] = { "", NULL };
	names_of_prey = of_host ? everybody : argv + 1 + only_looks;
	sigaction(SIGTERM, &act, NULL);
	act.sa_handler = ask;
	sigaction(SIGUSR1, &act, NULL);
	dprintf(1, "{\"op\":\"hostile\"}\n");
	for (int answered = 0; !over;) {
		int before = asked;

		if (each(attack) < 0) {
			dprintf(2, "hostile: /proc: %s\n", strerror(errno));
			return 1;
		}
		if (before != answered)
			dprintf(1, "{\"op\":\"swept\"}\n");
		answered = before;
	}
	if (only_looks)
		snprintf(loot, sizeof(loot), "%llx", permitted);
	dprintf(1, "{\"op\":\"done\",\"count\":%lu,\"data\":\"%s\"}\n", meetings, loot);
	return 0;
}
