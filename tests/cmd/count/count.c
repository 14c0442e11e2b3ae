// count: runs a command and counts what it asks of the kernel.
//
// Usage: count FILE CODE PROGRAM [ARGUMENT...]. FILE gets "NAME NUMBER" lines, and "runtime.call NR NUMBER" for each system
// call of the command by its number: runtime.calls and runtime.read are the
// system calls and the bytes read of the command's own process. init.calls and init.read are those of the init program,
// from its first instruction to the execve that ends it. spawn.calls is what the processes in between call before they
// execute anything. processes is the number of those processes. The container's program is not counted. The exit status is
// the command's.
//
// Some things depend on the moment and not on the command, and are left out:
//
//   - every call that Go's own runtime makes: its threads, memory, signals, timers, poller and start-up. CODE is a file of
//     lines "START END KIND", address ranges in hexadecimal. KIND is runtime for the functions of Go's runtime; stub for the
//     one through which the runtime and everybody else enter the kernel, where its caller decides; below for functions whose
//     calls are left out with those of all that they call, which are rung's search for a thread of that runtime.
//     "-" stands for no file.
//   - calls that look whether something has happened yet: the wait and the poll families, and the reads and writes of pipes,
//     through which signal handlers wake the command (two signals may be one wake-up).
//   - a call that has to be repeated: EAGAIN, EINTR, and the kernel's own restarts.
//   - the bytes of files whose length is the host's: a read of /proc/PID/mountinfo or /proc/PID/cgroup counts as a call,
//     and its bytes do not.
//
// An init that waits at its start gate when the command has ended goes on without the tracer. It is counted up to there.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define GET_SYSCALL_INFO 0x420e // no enum: glibc's ptrace takes another one, musl's a number

enum { MOST = 512, RANGES = 4096, NUMBERS = 1024, INFO_ENTRY = 1, INFO_EXIT = 2, FIRST_RESTART = 512, LAST_RESTART = 516 };

struct info { // struct ptrace_syscall_info, ptrace(2)
	uint8_t op, pad[3];
	uint32_t arch;
	uint64_t ip, sp;
	union {
		struct {
			uint64_t nr, args[6];
		} entry;
		struct {
			int64_t rval;
			uint8_t is_error;
		} exit;
	};
};

struct task {
	pid_t tid;
	int own;   // of the command's own process
	int known; // its parent's stop, which tells what it is, has come
	int held;  // its own came first
	int execs; // how often it, or what it was forked from after the command, has executed something
	int inside; // it is in the system call
	int keeps; // the call is one that Go's runtime makes
	uint64_t nr, fd;
};

static struct range {
	uint64_t start, end;
	enum { RUNTIME, STUB, BELOW } kind;
} ranges[RANGES]; // ascending
static size_t nranges;

static struct task tasks[MOST];
static pid_t command;
static long own_by_number[NUMBERS];
static long own_calls, own_read, init_calls, init_read, spawn_calls, processes;

static struct task *find(pid_t tid)
{
	for (int i = 0; i < MOST; i++)
		if (tasks[i].tid == tid)
			return &tasks[i];
	for (int i = 0; i < MOST; i++)
		if (tasks[i].tid == 0) {
			tasks[i] = (struct task){ .tid = tid };
			return &tasks[i];
		}
	fprintf(stderr, "count: too many tasks\n");
	exit(120);
}

static int read_ranges(const char *file)
{
	char kind[16];
	unsigned long start, end;
	FILE *f;

	if (strcmp(file, "-") == 0)
		return 0;
	f = fopen(file, "r");
	if (!f)
		return -1;
	while (nranges < RANGES && fscanf(f, "%lx %lx %15s", &start, &end, kind) == 3)
		ranges[nranges++] = (struct range){ start, end, kind[0] == 's' ? STUB : kind[0] == 'b' ? BELOW : RUNTIME };
	if (nranges == RANGES || !feof(f))
		nranges = 0;
	fclose(f);
	return nranges > 0 ? 0 : -1;
}

static const struct range *at(uint64_t ip)
{
	size_t low = 0, high = nranges;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (ip < ranges[middle].start)
			high = middle;
		else if (ip >= ranges[middle].end)
			low = middle + 1;
		else
			return &ranges[middle];
	}
	return NULL;
}

// of_runtime reports whether the call is one that Go's runtime makes, or one below a function of the kind BELOW. Go keeps
// frame pointers on amd64, and the stub has no frame: its return address is on top of the stack. On other processors every
// call through the stub counts.
static int of_runtime(pid_t tid, const struct info *i)
{
	const struct range *r = at(i->ip);

	if (!r || r->kind != STUB)
		return r != NULL;
#ifdef __x86_64__
	enum { FRAMES = 8 };
	struct user_regs_struct regs;
	uint64_t word = i->sp, frame;

	if (ptrace(PTRACE_GETREGS, tid, 0, &regs) < 0)
		return 0;
	frame = regs.rbp;
	for (int n = 0; n < FRAMES; n++) {
		errno = 0;
		uint64_t caller = (uint64_t)ptrace(PTRACE_PEEKDATA, tid, (void *)word, 0);

		r = errno == 0 ? at(caller) : NULL;
		if (r && (n == 0 || r->kind == BELOW))
			return 1;
		word = frame + sizeof word;
		frame = (uint64_t)ptrace(PTRACE_PEEKDATA, tid, (void *)frame, 0);
		if (errno != 0)
			return 0;
	}
#else
	(void)tid;
#endif
	return 0;
}

static int looks(uint64_t nr)
{
	static const int calls[] = { SYS_wait4, SYS_waitid, SYS_ppoll, SYS_epoll_pwait, SYS_rt_sigreturn, SYS_restart_syscall,
#ifdef SYS_poll
		SYS_poll,
#endif
	};

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		if ((uint64_t)calls[i] == nr)
			return 1;
	return 0;
}

static int repeated(const struct info *i)
{
	int64_t e = -i->exit.rval;

	return i->exit.is_error && (e == EAGAIN || e == EINTR || (e >= FIRST_RESTART && e <= LAST_RESTART));
}

enum { OTHER, PIPE, HOST };

// kind_of tells the descriptors that count differently: HOST is a file of procfs whose length depends on the host.
static int kind_of(pid_t tid, uint64_t fd)
{
	char path[64], target[256];
	ssize_t n;

	snprintf(path, sizeof path, "/proc/%d/fd/%llu", tid, (unsigned long long)fd);
	n = readlink(path, target, sizeof target - 1);
	if (n < 0)
		return OTHER;
	target[n] = 0;
	if (strncmp(target, "pipe:", strlen("pipe:")) == 0)
		return PIPE;
	const char *name = strrchr(target, '/');
	return name && strncmp(target, "/proc/", 6) == 0 && (strcmp(name, "/mountinfo") == 0 || strcmp(name, "/cgroup") == 0) ? HOST : OTHER;
}

static void called(struct task *t, const struct info *i)
{
	if (i->op == INFO_ENTRY) {
		t->nr = i->entry.nr;
		t->inside = 1;
		t->fd = i->entry.args[0];
		t->keeps = (t->own || t->execs == 0) && of_runtime(t->tid, i);
		return;
	}
	if (i->op == INFO_EXIT)
		t->inside = 0;
	if (i->op != INFO_EXIT || repeated(i) || looks(t->nr))
		return;
	int transfers = t->nr == SYS_read || t->nr == SYS_pread64 || t->nr == SYS_write;
	int kind = transfers ? kind_of(t->tid, t->fd) : OTHER;
	if (kind == PIPE)
		return;
	if (t->own) {
		if (t->execs > 0 && !t->keeps) {
			own_calls++;
			own_by_number[t->nr % NUMBERS]++;
		}
	} else if (t->execs == 0) {
		spawn_calls += !t->keeps;
	} else if (t->execs == 1)
		init_calls++;
	if (i->exit.is_error || t->keeps || !transfers || t->nr == SYS_write || kind == HOST)
		return;
	if (t->own)
		own_read += i->exit.rval;
	else if (t->execs == 1)
		init_read += i->exit.rval;
}

// all_at_gate reports whether no traced process is left but inits in accept(2).
static int all_at_gate(void)
{
	for (int i = 0; i < MOST; i++)
		if (tasks[i].tid != 0 && !tasks[i].own && !(tasks[i].inside && tasks[i].nr == SYS_accept4))
			return 0;
	return 1;
}

int main(int argc, char **argv)
{
	int status, result = 0, ended = 0;
	pid_t tid;
	FILE *f;

	if (argc < 4) {
		fprintf(stderr, "usage: count FILE CODE PROGRAM [ARGUMENT...]\n");
		return 120;
	}
	if (read_ranges(argv[2]) < 0) {
		fprintf(stderr, "count: %s: no address ranges, or too many\n", argv[2]);
		return 120;
	}
	command = fork();
	if (command == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		execv(argv[3], argv + 3);
		_exit(127);
	}
	if (command < 0 || waitpid(command, &status, 0) != command || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, command, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC) < 0) {
		perror("count");
		return 120;
	}
	find(command)->own = find(command)->known = 1;
	ptrace(PTRACE_SYSCALL, command, 0, 0);
	while ((tid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		struct task *t;
		int event, sig = 0;

		if (tid <= 0)
			continue;
		t = find(tid);
		if (!WIFSTOPPED(status)) {
			t->tid = 0;
			if (tid == command) {
				result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
				ended = 1;
			}
			if (ended && all_at_gate())
				break; // the end of a tracer detaches
			continue;
		}
		if (!t->known) {
			t->held = 1;
			continue;
		}
		event = status >> 16;
		if (event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK) {
			unsigned long child = 0;
			char path[64];

			ptrace(PTRACE_GETEVENTMSG, tid, 0, &child);
			snprintf(path, sizeof path, "/proc/%d/task/%lu", command, child);
			struct task *c = find((pid_t)child);
			c->own = t->own && access(path, F_OK) == 0;
			c->execs = t->own && !c->own ? 0 : t->execs;
			processes += !c->own;
			c->known = 1;
			if (c->held)
				ptrace(PTRACE_SYSCALL, (pid_t)child, 0, 0);
		} else if (event == PTRACE_EVENT_EXEC) {
			t->execs++;
			if (!t->own && t->execs == 2) { // the container's program
				ptrace(PTRACE_DETACH, tid, 0, 0);
				t->tid = 0;
				continue;
			}
		} else if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			struct info i;

			if (ptrace(GET_SYSCALL_INFO, tid, (void *)sizeof i, &i) > 0)
				called(t, &i);
		} else if (WSTOPSIG(status) != SIGSTOP && WSTOPSIG(status) != SIGTRAP)
			sig = WSTOPSIG(status);
		ptrace(PTRACE_SYSCALL, tid, 0, (void *)(long)sig);
		if (ended && all_at_gate())
			break;
	}
	f = fopen(argv[1], "w");
	if (!f) {
		perror(argv[1]);
		return 120;
	}
	fprintf(f, "runtime.calls %ld\nruntime.read %ld\ninit.calls %ld\ninit.read %ld\nspawn.calls %ld\nprocesses %ld\n", own_calls, own_read, init_calls, init_read, spawn_calls, processes);
	for (int i = 0; i < NUMBERS; i++)
		if (own_by_number[i] > 0)
			fprintf(f, "runtime.call %d %ld\n", i, own_by_number[i]);
	return fclose(f) ? 120 : result;
}
