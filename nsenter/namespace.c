//go:build ignore

/*
 * Descriptors of the init's own namespaces, for a runtime without CAP_SYS_PTRACE. It may not join the namespaces of a
 * process that is not dumpable (setns(2) with a pidfd, /proc/PID/ns), and the init stays that: until execve(2) a process
 * of the container that traces it would have the host's mounts, or go on without the seccomp filter.
 */
#include "init.h"

#include <sched.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static const struct {
	uint64_t type;
	const char *name; /* below /proc/PID/ns */
} kinds[] = {
    {CLONE_NEWUSER, "user"},
    {CLONE_NEWNS, "mnt"},
    {CLONE_NEWUTS, "uts"},
    {CLONE_NEWIPC, "ipc"},
    {CLONE_NEWNET, "net"},
    {CLONE_NEWCGROUP, "cgroup"},
    /* a joined pid namespace, and time offsets, hold for children alone */
    {CLONE_NEWPID, "pid_for_children"},
    {CLONE_NEWTIME, "time_for_children"},
};

enum { KINDS = sizeof kinds / sizeof kinds[0] };
_Static_assert(KINDS == sizeof st.namespaces / sizeof st.namespaces[0], "one descriptor for each kind");

void op_hold_namespaces(const struct op *o)
{
	uint64_t types = o->n[HOLD_NAMESPACES_N_TYPES], flags = o->n[HOLD_NAMESPACES_N_FLAGS];
	int dir = open_proc("self/ns", O_PATH | O_DIRECTORY);

	if (dir < 0)
		fail(STEP_OPEN, errno, "/proc/self/ns");
	for (int i = 0; i < KINDS; i++) {
		int fd;

		if (!(types & kinds[i].type))
			continue;
		fd = openat(dir, kinds[i].name, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			fail(STEP_OPEN, errno, kinds[i].name);
		if (flags & HOLD_TELL)
			say(MSG_NAMESPACE, (int64_t)kinds[i].type, fd);
		if (flags & HOLD_KEEP) {
			if (st.kept & kinds[i].type)
				close(st.namespaces[i]);
			st.namespaces[i] = fd;
			st.kept |= kinds[i].type;
		} else {
			close(fd);
		}
	}
	close(dir);
}

/* Who asks may be gone before it has the answer: that is no reason for the init to end. */
void tell_namespaces(int connection)
{
	int control = st.control;
	struct message m = {.type = MSG_NAMESPACE, .op = st.index};
	int sent = 0;

	st.control = connection;
	for (int i = 0; i < KINDS && sent == 0; i++) {
		m.arg = (int64_t)kinds[i].type;
		if (st.kept & kinds[i].type)
			sent = try_send(&m, MESSAGE_HEADER, st.namespaces[i]);
	}
	m.arg = 0;
	if (sent == 0 && st.kept != 0)
		(void)try_send(&m, MESSAGE_HEADER, st.root);
	st.control = control;
}
