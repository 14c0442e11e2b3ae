// count: runs a command and counts what it asks of the kernel.
//
// Usage: count FILE PROGRAM [ARGUMENT...]. FILE gets "NAME NUMBER" lines: runtime.calls and runtime.read are the system calls
// and the bytes read of the command's own process, but for the calls by which a Go program keeps house (threads, memory, timers:
// they depend on the moment); init.calls and init.read those of the init program, from its first instruction to the execve that ends it;
// spawn.calls what the processes in between call, before they execute anything; processes is how many there were. What the
// container's program does is not counted. The exit status is the command's.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define GET_SYSCALL_INFO 0x420e // no enum: glibc's ptrace takes another one, musl's a number

enum { MOST = 512, INFO_ENTRY = 1, INFO_EXIT = 2 };

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
	uint64_t nr;
};

static struct task tasks[MOST];
static pid_t command;
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

static int housekeeping(uint64_t nr)
{
	static const int calls[] = { SYS_futex, SYS_nanosleep, SYS_sched_yield, SYS_rt_sigreturn, SYS_tgkill, SYS_getpid, SYS_gettid,
		SYS_rt_sigprocmask, SYS_sigaltstack, SYS_clone, SYS_mmap, SYS_munmap, SYS_madvise, SYS_mprotect, SYS_restart_syscall,
		SYS_epoll_pwait, SYS_exit, SYS_sched_getaffinity, SYS_set_robust_list, SYS_rseq, SYS_prlimit64 };

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		if ((uint64_t)calls[i] == nr)
			return 1;
	return 0;
}

static void called(struct task *t, const struct info *i)
{
	if (i->op == INFO_ENTRY) {
		t->nr = i->entry.nr;
		if (t->own) {
			if (t->execs > 0 && !housekeeping(t->nr))
				own_calls++;
		} else if (t->execs == 0)
			spawn_calls++;
		else if (t->execs == 1)
			init_calls++;
	} else if (i->op == INFO_EXIT && !i->exit.is_error && (t->nr == SYS_read || t->nr == SYS_pread64)) {
		if (t->own)
			own_read += i->exit.rval;
		else if (t->execs == 1)
			init_read += i->exit.rval;
	}
}

int main(int argc, char **argv)
{
	int status, result = 0;
	pid_t tid;
	FILE *f;

	if (argc < 3) {
		fprintf(stderr, "usage: count FILE PROGRAM [ARGUMENT...]\n");
		return 120;
	}
	command = fork();
	if (command == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		execv(argv[2], argv + 2);
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
			if (tid != command)
				continue;
			result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
			break; // an init that waits goes on without us: the end of a tracer detaches
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
	}
	f = fopen(argv[1], "w");
	if (!f) {
		perror(argv[1]);
		return 120;
	}
	fprintf(f, "runtime.calls %ld\nruntime.read %ld\ninit.calls %ld\ninit.read %ld\nspawn.calls %ld\nprocesses %ld\n", own_calls, own_read, init_calls, init_read, spawn_calls, processes);
	return fclose(f) ? 120 : result;
}
