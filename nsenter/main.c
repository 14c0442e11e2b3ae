//go:build ignore

/*
 * The init: one loop, one switch. It decides nothing; the program was compiled in Go and every number and string in it
 * is final. What it does for each op is told in libcontainer/internal/plan, from which ops.h is generated.
 */
#include "init.h"

#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/personality.h>
#include <sys/resource.h>

struct state st = {
    .control = FD_CONTROL, .root = -1, .proc = -1, .mask_dir = -1, .dev_null = -1, .landlock = -1, .made = -1, .listener = -1,
    .held_proc = -1, .held_sys = -1};

static void check(long result, uint32_t step)
{
	if (result < 0)
		fail_errno(step);
}

static void op_write_file(const struct op *o)
{
	int fd = open(o->s[WRITE_FILE_S_PATH].p, O_WRONLY | O_CLOEXEC | O_NOCTTY);

	check(fd, STEP_OPEN);
	write_once(fd, &o->s[WRITE_FILE_S_DATA]);
	close(fd);
}

static void op_proc_write(const struct op *o)
{
	const struct op_string *data = &o->s[PROC_WRITE_S_DATA];
	uint64_t flags = o->n[PROC_WRITE_N_FLAGS];
	int err, fd = open_proc(o->s[PROC_WRITE_S_PATH].p, O_WRONLY | O_NOCTTY);
	ssize_t n;

	if (fd >= 0) {
		n = write(fd, data->p, data->len);
		err = n < 0 ? errno : (size_t)n != data->len ? EIO : 0;
		close(fd);
		if (err == 0)
			return;
	} else {
		err = errno;
	}
	if ((flags & PROC_WARN_DENIED) && (err == EPERM || err == EACCES || err == EROFS)) {
		warn(fd < 0 ? STEP_OPEN : STEP_WRITE, err, "");
		return;
	}
	fail(fd < 0 ? STEP_OPEN : STEP_WRITE, err, "");
}

static void op_setns(const struct op *o)
{
	int fd = (int)o->n[SETNS_N_FD];
	uint64_t flags = o->n[SETNS_N_FLAGS], bit = (uint64_t)1 << (((unsigned int)fd - FD_CONTROL) % 64);

	if ((flags & JOIN_RETRY) && !(st.refused & bit))
		return;
	if (setns(fd, (int)o->n[SETNS_N_TYPE]) == 0)
		return;
	if (!(flags & JOIN_TRY) || errno != EPERM)
		fail_errno(STEP_OP);
	st.refused |= bit;
}

/* EINVAL is for an ID that the user namespace does not map (setresuid(2)). */
static long become_id(long call, uint64_t otherwise)
{
	long r = syscall(call, 0, 0, 0);

	return r < 0 && errno == EINVAL && otherwise != 0 ? syscall(call, otherwise, otherwise, otherwise) : r;
}

/*
 * The root of a user namespace that has just been entered: without it execve would drop every capability. Where 0 is not
 * mapped it is the process's user: files cannot be made as a user who is not mapped (EOVERFLOW), and the capabilities
 * stay, because no change of IDs is one from root there (capabilities(7)).
 */
static void become_root(bool keep_groups, uint64_t uid, uint64_t gid)
{
	/* refused where setgroups is denied (user_namespaces(7)); the caller's groups stay, as they must there */
	if (!keep_groups)
		(void)syscall(SYS_setgroups, 0, NULL);
	check(become_id(SYS_setresgid, gid), STEP_GID);
	check(become_id(SYS_setresuid, uid), STEP_UID);
}

/* The arguments of clone(2) lie otherwise on s390; those that are swapped elsewhere are none. */
static long fork_child(uint64_t flags, int *pidfd)
{
#ifdef __s390x__
	return syscall(SYS_clone, 0, flags, pidfd, 0, 0);
#else
	return syscall(SYS_clone, flags, 0, pidfd, 0, 0);
#endif
}

static void op_fork(const struct op *o)
{
	int pidfd = -1;
	long pid = fork_child(o->n[FORK_N_FLAGS] | CLONE_PARENT | CLONE_PIDFD, &pidfd);

	check(pid, STEP_FORK);
	if (pid > 0) {
		say(MSG_FORKED, pid, pidfd);
		_exit(0);
	}
}

/* Raw calls: the C library keeps two signals to itself, and an ignored one of them would pass through execve. */
static void op_signals(void)
{
	static const struct {
		uintptr_t handler;
		unsigned long flags;
		uintptr_t restorer;
		uint64_t mask;
	} none;

	for (int sig = 1; sig <= 64; sig++)
		syscall(SYS_rt_sigaction, sig, &none, NULL, sizeof none.mask);
	check(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none.mask, NULL, sizeof none.mask), STEP_OP);
}

static void op_rlimit(const struct op *o)
{
	struct rlimit r = {o->n[RLIMIT_N_SOFT], o->n[RLIMIT_N_HARD]};

	check(syscall(SYS_prlimit64, 0, o->n[RLIMIT_N_RESOURCE], &r, NULL), STEP_OP);
}

static void op_core_schedule(const struct op *o)
{
	uint64_t from = o->n[CORE_SCHEDULE_N_FROM];
	/* a cookie can be taken over for a thread only; this process has one */
	int r = from != 0 ? prctl(PR_SCHED_CORE, PR_SCHED_CORE_SHARE_FROM, from, 0, 0)
			  : prctl(PR_SCHED_CORE, PR_SCHED_CORE_CREATE, 0, 1 /* PIDTYPE_TGID */, 0);

	if (r == 0)
		return;
	if (errno != ENODEV)
		fail_errno(STEP_PRCTL);
	if (from == 0)
		warn(STEP_PRCTL, ENODEV, "");
}

static void run_op(const struct op *o)
{
	st.kind = o->kind;
	switch (o->kind) {
	case OP_DUMPABLE:
		check(prctl(PR_SET_DUMPABLE, o->n[DUMPABLE_N_VALUE], 0, 0, 0), STEP_PRCTL);
		break;
	case OP_WRITE_FILE:
		op_write_file(o);
		break;
	case OP_PROC_WRITE:
		op_proc_write(o);
		break;
	case OP_SETNS:
		op_setns(o);
		break;
	case OP_UNSHARE:
		check(unshare((int)o->n[UNSHARE_N_FLAGS]), STEP_OP);
		break;
	case OP_SYNC_MAPS:
		ask(MSG_MAPS, 0, -1);
		become_root((o->n[SYNC_MAPS_N_FLAGS] & GROUP_KEEP) != 0, o->n[SYNC_MAPS_N_UID], o->n[SYNC_MAPS_N_GID]);
		break;
	case OP_ROOT_IDS:
		become_root((o->n[ROOT_IDS_N_FLAGS] & GROUP_KEEP) != 0, o->n[ROOT_IDS_N_UID], o->n[ROOT_IDS_N_GID]);
		break;
	case OP_FORK:
		op_fork(o);
		break;
	case OP_SYNC:
		ask(MSG_SYNC, (int64_t)o->n[SYNC_N_POINT], -1);
		break;
	case OP_SETSID:
		check(setsid(), STEP_OP);
		break;
	case OP_KEYRING:
		op_keyring(o);
		break;
	case OP_HOSTNAME:
		check(sethostname(o->s[HOSTNAME_S_NAME].p, o->s[HOSTNAME_S_NAME].len), STEP_OP);
		break;
	case OP_DOMAINNAME:
		check(setdomainname(o->s[DOMAINNAME_S_NAME].p, o->s[DOMAINNAME_S_NAME].len), STEP_OP);
		break;
	case OP_LOOPBACK_UP:
		op_loopback_up(o);
		break;
	case OP_PROPAGATION:
		op_propagation(o);
		break;
	case OP_ROOT_OPEN:
		op_root_open(o);
		break;
	case OP_MOUNT_FS:
		op_mount_fs(o);
		break;
	case OP_MOUNT_BIND:
		op_mount_bind(o);
		break;
	case OP_MOUNT_DATA:
		op_mount_data(o);
		break;
	case OP_MOUNT_ATTR:
		op_mount_attr(o);
		break;
	case OP_MKDIR:
		op_mkdir(o);
		break;
	case OP_MKNOD:
		op_mknod(o);
		break;
	case OP_SYMLINK:
		op_symlink(o);
		break;
	case OP_MASK:
		op_mask(o);
		break;
	case OP_READONLY_PATH:
		op_readonly_path(o);
		break;
	case OP_CONSOLE:
		op_console(o);
		break;
	case OP_CONTROLLING_TERMINAL:
		op_controlling_terminal();
		break;
	case OP_PIVOT:
		op_pivot(o);
		break;
	case OP_ROOT_PROPAGATION:
		op_root_propagation(o);
		break;
	case OP_ROOT_READONLY:
		op_root_readonly(o);
		break;
	case OP_STDIO_OWNER:
		op_stdio_owner(o);
		break;
	case OP_RLIMIT:
		op_rlimit(o);
		break;
	case OP_SCHEDULER:
		op_scheduler(o);
		break;
	case OP_IO_PRIORITY:
		check(syscall(SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, 0, o->n[IO_PRIORITY_N_VALUE]), STEP_OP);
		break;
	case OP_AFFINITY:
		check(syscall(SYS_sched_setaffinity, 0, o->s[AFFINITY_S_MASK].len, o->s[AFFINITY_S_MASK].p), STEP_OP);
		break;
	case OP_CORE_SCHEDULE:
		op_core_schedule(o);
		break;
	case OP_PERSONALITY:
		check(personality(o->n[PERSONALITY_N_VALUE]), STEP_OP);
		break;
	case OP_MEMORY_POLICY:
		check(syscall(SYS_set_mempolicy, o->n[MEMORY_POLICY_N_MODE],
			      o->s[MEMORY_POLICY_S_NODES].len ? o->s[MEMORY_POLICY_S_NODES].p : NULL,
			      /* the kernel takes one bit off (set_mempolicy(2), bugs) */
			      o->s[MEMORY_POLICY_S_NODES].len ? o->s[MEMORY_POLICY_S_NODES].len * 8 + 1 : 0),
		      STEP_OP);
		break;
	case OP_NO_HUGE_PAGES:
		check(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), STEP_PRCTL);
		break;
	case OP_SIGNALS:
		op_signals();
		break;
	case OP_UMASK:
		umask((mode_t)o->n[UMASK_N_VALUE]);
		break;
	case OP_CHDIR:
		op_chdir(o);
		break;
	case OP_CLOSE_FROM:
		check(syscall(SYS_close_range, o->n[CLOSE_FROM_N_FIRST], ~0U, CLOSE_RANGE_CLOEXEC_), STEP_OP);
		break;
	case OP_BOUNDING:
		op_bounding(o);
		break;
	case OP_IDENTITY:
		op_identity(o);
		break;
	case OP_CAPSET:
		op_capset(o);
		break;
	case OP_NO_NEW_PRIVILEGES:
		check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), STEP_PRCTL);
		break;
	case OP_FIND_EXEC:
		op_find_exec(o);
		break;
	case OP_GATE:
		op_gate(o);
		break;
	case OP_LANDLOCK_RULESET:
		op_landlock_ruleset(o);
		break;
	case OP_LANDLOCK_PATH:
		op_landlock_path(o);
		break;
	case OP_LANDLOCK_PORT:
		op_landlock_port(o);
		break;
	case OP_LANDLOCK_RESTRICT:
		op_landlock_restrict();
		break;
	case OP_SECCOMP:
		op_seccomp(o);
		break;
	case OP_HOME:
		op_home(o);
		break;
	case OP_EXEC:
		op_exec(o);
		break;
	case OP_EXEC_HOST:
		op_exec_host(o);
		break;
	case OP_CLONE_SOURCE:
		op_clone_source(o);
		break;
	case OP_CLOSE_RANGE:
		check(syscall(SYS_close_range, o->n[CLOSE_RANGE_N_FIRST], o->n[CLOSE_RANGE_N_LAST], 0), STEP_OP);
		break;
	case OP_EMPTY_ROOT:
		op_empty_root();
		break;
	case OP_OPEN_FS:
		st.made = sys_fsopen(o->s[OPEN_FS_S_TYPE].p);
		check(st.made, STEP_FSOPEN);
		break;
	case OP_MAKE_NODE:
		op_make_node(o);
		break;
	case OP_ATTACH_HERE:
		op_attach_here();
		break;
	case OP_HOLD_NAMESPACES:
		op_hold_namespaces(o);
		break;
	case OP_LISTENER:
		op_listener();
		break;
	case OP_SEND_FD:
		clock_stop();
		say(MSG_FD, 0, st.made);
		_exit(0);
	case OP_ROOT_HERE:
		leave_host();
		if ((int64_t)o->n[ROOT_HERE_N_FD] >= 0) {
			check(fchdir((int)o->n[ROOT_HERE_N_FD]), STEP_CHDIR);
			check(chroot("."), STEP_CHROOT);
		}
		st.root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		check(st.root, STEP_OPEN);
		break;
	default:
		fail(STEP_DECODE, ENOSYS, "");
	}
}

static void run_program(void)
{
	struct program prog;
	struct stat sb;
	uint32_t at = 0;
	struct op o;
	void *map;

	if (fstat(FD_PROGRAM, &sb) < 0)
		fail_errno(STEP_STAT);
	map = mmap(NULL, (size_t)sb.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, FD_PROGRAM, 0);
	if (map == MAP_FAILED)
		fail_errno(STEP_READ);
	close(FD_PROGRAM);
	if (program_check(map, (size_t)sb.st_size, &prog) < 0)
		fail(STEP_DECODE, EBADMSG, "");
	if (prog.flags & PROGRAM_TIMED)
		clock_start(prog.count);
	for (st.index = 0; program_next(&prog, &at, &o) == 0; st.index++) {
		run_op(&o);
		if (st.times != NULL)
			clock_stamp();
	}
	fail(STEP_DECODE, ENODATA, "");
}

int main(void)
{
	prctl(PR_SET_NAME, "rung:[init]", 0, 0, 0); /* the name of a file in memory would be its descriptor's number */
	close(FD_EXECUTABLE);
	umask(0); /* modes in the program are meant as they stand */
	run_program();
	return 1;
}
