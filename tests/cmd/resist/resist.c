// resist: the first process of a container that does all it can with what it was given so that it, or its cgroup, outlives
// an end by force. Each argument is one way; those that need a cgroup take its directory, as WAY=DIR.
//
//	traced        a child traces this process and stops it on its way out (PTRACE_O_TRACEEXIT)
//	stopped       a child that is stopped
//	vfork         a child that waits in vfork(2) for its own child
//	leaderless    a child whose first thread has ended, and another thread goes on
//	chains        processes that fork and end, one after the other, for some seconds
//	nested        a child in a user and a PID namespace of its own, the first process there
//	stops         stops each process of the runtime that comes in, once, and adds a line to /stopped
//	keeps-stopping  stops them for ever
//	own=DIR       a cgroup of mode 0 with a process
//	frozen=DIR    a frozen cgroup with a process, and below it another frozen one
//	deep=DIR      cgroups nested deeper than PATH_MAX, the last one frozen, with a process
//	wide=DIR      a thousand cgroups, a process in the last one
//	threaded=DIR  cgroup v2: a threaded subtree whose groups have threads of one process
//	self=DIR      this process moves itself to a cgroup and freezes it
//
// It prints {"op":"resists"} when all of it is done, and stays. What fails is told on standard error, with status 2.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "resist: %s: %s\n", what, strerror(errno));
	_exit(2);
}

// deaf ignores every signal that can be ignored.
static void deaf(void)
{
	for (int s = 1; s < 32; s++)
		if (s != SIGCHLD)
			signal(s, SIG_IGN);
}

// child forks; the child tells its parent when it is ready by closing the pipe's end that it gets.
static int ready[2];

static pid_t child(void)
{
	pid_t p;

	if (pipe(ready))
		die("pipe");
	p = fork();
	if (p < 0)
		die("fork");
	if (p > 0) {
		char c;

		close(ready[1]);
		if (read(ready[0], &c, 1) != 1)
			die("a child has ended early");
		close(ready[0]);
	} else {
		deaf();
	}
	return p;
}

static void tell(void)
{
	if (write(ready[1], "x", 1) != 1)
		die("write");
}

static void stay(void)
{
	tell();
	for (;;)
		pause();
}

static void put(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die(name);
	close(fd);
}

// freeze freezes the present directory's cgroup, whichever version it is, and does not wait.
static void freeze(void)
{
	if (access("freezer.state", F_OK) == 0)
		put("freezer.state", "FROZEN");
	else if (access("cgroup.freeze", F_OK) == 0)
		put("cgroup.freeze", "1");
	else
		die("neither freezer.state nor cgroup.freeze");
}

static void into(const char *name)
{
	if ((mkdir(name, 0755) && errno != EEXIST) || chdir(name))
		die(name);
}

// member makes a process that is put in the present directory's cgroup.
static void member(void)
{
	char text[16];
	pid_t p = child();

	if (p == 0)
		stay();
	snprintf(text, sizeof(text), "%d", p);
	put("cgroup.procs", text);
}

static void traced(void)
{
	int me = getpid();

	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	if (child() == 0) {
		if (ptrace(PTRACE_SEIZE, me, 0, PTRACE_O_TRACEEXIT))
			die("PTRACE_SEIZE");
		stay();
	}
}

static void stopped(void)
{
	pid_t p = child();
	int ws;

	if (p == 0)
		stay();
	if (kill(p, SIGSTOP) || waitpid(p, &ws, WUNTRACED) != p)
		die("SIGSTOP");
}

static void vforked(void)
{
	if (child() == 0) {
		if (vfork() == 0)
			stay();
		_exit(0);
	}
}

static void *thread(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

static void leaderless(void)
{
	if (child() == 0) {
		pthread_t t;

		if (pthread_create(&t, NULL, thread, NULL))
			die("pthread_create");
		tell();
		syscall(SYS_exit, 0);
	}
}

// Where nobody reaps them, what has ended must not fill the host: so a chain has an end.
static void chains(void)
{
	const struct timespec pause = { 0, 1000000 };

	for (int i = 0; i < 4; i++)
		if (child() == 0) {
			tell();
			for (int n = 0; n < 2000 && fork() == 0; n++)
				nanosleep(&pause, NULL); // the child goes on, and its parent ends
			_exit(0);
		}
}

static int of_runtime(int pid)
{
	char path[32], comm[32];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, comm, sizeof(comm));
	close(fd);
	return n >= 5 && !strncmp(comm, "rung:", 5);
}

// is_stopped says whether a process stands, or is gone.
static int is_stopped(int pid)
{
	char path[32], stat[512], *state;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 1;
	n = read(fd, stat, sizeof(stat) - 1);
	close(fd);
	if (n <= 0)
		return 1;
	stat[n] = 0;
	state = strrchr(stat, ')');
	return !state || state[2] == 'T' || state[2] == 'Z' || state[2] == 'X';
}

// stop stops what comes in by exec, which has the name of the runtime's init until it is the container's.
static void stop(int once)
{
	int log = open("/stopped", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644), last = 0;

	if (log < 0)
		die("/stopped");
	if (child() != 0)
		return;
	tell();
	for (int p = 2;; p = p > 300 ? 2 : p + 1) {
		if (!of_runtime(p) || (once && p == last))
			continue;
		last = p;
		if (kill(p, SIGSTOP))
			continue;
		while (!is_stopped(p))
			;
		if (!of_runtime(p))
			kill(p, SIGCONT); // too late: it is the container's
		else if (write(log, "x\n", 2) != 2)
			die("write");
	}
}

static void stops(void)
{
	stop(1);
}

static void keeps_stopping(void)
{
	stop(0);
}

static void nested(void)
{
	if (child() == 0) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWPID))
			die("unshare");
		if (fork() == 0)
			stay();
		for (;;)
			pause();
	}
}

static void deep(void)
{
	char name[201];

	memset(name, 'd', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	for (size_t n = 0; n < 2 * PATH_MAX; n += sizeof(name))
		into(name);
	member();
	freeze();
}

static void wide(void)
{
	char name[16];

	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "w%d", i);
		if (mkdir(name, 0755))
			die(name);
	}
	into(name);
	member();
}

static void *in_group(void *name)
{
	char path[64], text[16];

	snprintf(path, sizeof(path), "%s/cgroup.threads", (char *)name);
	snprintf(text, sizeof(text), "%ld", syscall(SYS_gettid));
	put(path, text);
	tell();
	return thread(NULL);
}

static void threaded(void)
{
	member();
	if (mkdir("a", 0755) || mkdir("b", 0755))
		die("mkdir");
	put("a/cgroup.type", "threaded");
	put("b/cgroup.type", "threaded");
	pid_t p = child();

	if (p == 0) {
		pthread_t t;

		put("cgroup.procs", "0");
		if (pthread_create(&t, NULL, in_group, "b"))
			die("pthread_create");
		in_group("a");
	}
	put("b/cgroup.freeze", "1");
}

static void self(void)
{
	put("cgroup.procs", "0");
	if (write(1, "{\"op\":\"resists\"}\n", 17) != 17)
		die("write");
	freeze();
}

static const struct way {
	const char *name;
	void (*go)(void);
} ways[] = {
	{ "traced", traced }, { "stopped", stopped }, { "vfork", vforked }, { "leaderless", leaderless }, { "chains", chains },
	{ "nested", nested }, { "stops", stops }, { "keeps-stopping", keeps_stopping }, { "own", NULL }, { "frozen", NULL }, { "deep", deep }, { "wide", wide }, { "threaded", threaded }, { "self", self },
};

static void go(const char *arg)
{
	const char *dir = strchr(arg, '=');
	size_t n = dir ? (size_t)(dir - arg) : strlen(arg);

	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		const struct way *w = &ways[i];

		if (strlen(w->name) != n || strncmp(w->name, arg, n))
			continue;
		if (dir) {
			if (chdir(dir + 1))
				die(dir + 1);
			into(w->name);
		}
		if (w->go) {
			w->go();
			return;
		}
		member(); // own, frozen
		if (!strcmp(w->name, "own")) {
			if (chmod(".", 0))
				die("chmod");
			return;
		}
		freeze();
		into("below");
		freeze();
		return;
	}
	errno = EINVAL;
	die(arg);
}

int main(int argc, char **argv)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	for (int i = 1; i < argc; i++)
		go(argv[i]);
	deaf();
	if (write(1, "{\"op\":\"resists\"}\n", 17) != 17)
		die("write");
	for (;;) {
		if (waitpid(-1, NULL, 0) < 0)
			pause();
	}
}
