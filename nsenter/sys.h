/*
 * System calls and constants that the C library of the build machine may not know. All of them are in Linux 5.14,
 * rung's floor; numbers above 423 are the same on every architecture.
 */
#ifndef RUNG_SYS_H
#define RUNG_SYS_H

#include <fcntl.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_open_tree
#define SYS_open_tree 428
#define SYS_move_mount 429
#define SYS_fsopen 430
#define SYS_fsconfig 431
#define SYS_fsmount 432
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

#ifndef PR_SCHED_CORE
#define PR_SCHED_CORE 62
#define PR_SCHED_CORE_CREATE 1
#define PR_SCHED_CORE_SHARE_FROM 3
#endif

struct open_how_v0 {
	uint64_t flags;
	uint64_t mode;
	uint64_t resolve;
};

struct mount_attr_v0 {
	uint64_t set;
	uint64_t clear;
	uint64_t propagation;
	uint64_t userns_fd;
};

struct sched_attr_v0 {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime;
	uint64_t deadline;
	uint64_t period;
	uint32_t util_min; /* Linux 5.3; without them the kernel refuses the flags of utilization clamps */
	uint32_t util_max;
};

enum {
	RESOLVE_NO_XDEV_ = 0x01,
	RESOLVE_NO_MAGICLINKS_ = 0x02,
	RESOLVE_NO_SYMLINKS_ = 0x04,
	RESOLVE_IN_ROOT_ = 0x10,

	OPEN_TREE_CLONE_ = 1,
	OPEN_TREE_CLOEXEC_ = O_CLOEXEC,
	AT_RECURSIVE_ = 0x8000,
	MOVE_MOUNT_F_EMPTY_PATH_ = 0x04,
	MOVE_MOUNT_T_EMPTY_PATH_ = 0x40,

	FSOPEN_CLOEXEC_ = 1,
	FSMOUNT_CLOEXEC_ = 1,
	FSCONFIG_SET_FLAG_ = 0,
	FSCONFIG_SET_STRING_ = 1,
	FSCONFIG_SET_FD_ = 5,
	FSCONFIG_CMD_CREATE_ = 6,

	ATTR_RDONLY = 0x1,
	ATTR_NOSUID = 0x2,
	ATTR_NODEV = 0x4,
	ATTR_NOEXEC = 0x8,
	ATTR_ATIME = 0x70,
	ATTR_NOATIME = 0x10,
	ATTR_STRICTATIME = 0x20,
	ATTR_NODIRATIME = 0x80,
	ATTR_IDMAP = 0x100000,
	ATTR_NOSYMFOLLOW = 0x200000,

	CLOSE_RANGE_CLOEXEC_ = 4,
};

static inline int sys_openat2(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	struct open_how_v0 how = {flags | O_CLOEXEC, mode, resolve};

	return (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
}

static inline int sys_open_tree(int dir, const char *path, unsigned int flags)
{
	return (int)syscall(SYS_open_tree, dir, path, flags | OPEN_TREE_CLOEXEC_);
}

static inline int sys_move_mount(int from, int to)
{
	return (int)syscall(SYS_move_mount, from, "", to, "", MOVE_MOUNT_F_EMPTY_PATH_ | MOVE_MOUNT_T_EMPTY_PATH_);
}

static inline int sys_mount_setattr(int mount, unsigned int flags, uint64_t set, uint64_t clear, uint64_t propagation,
				    int userns)
{
	struct mount_attr_v0 attr = {set, clear, propagation, userns < 0 ? 0 : (uint64_t)userns};

	return (int)syscall(SYS_mount_setattr, mount, "", flags | AT_EMPTY_PATH, &attr, sizeof attr);
}

static inline int sys_fsopen(const char *type)
{
	return (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC_);
}

static inline int sys_fsconfig(int fs, unsigned int cmd, const char *key, const char *value)
{
	return (int)syscall(SYS_fsconfig, fs, cmd, key, value, 0);
}

static inline int sys_fsmount(int fs, unsigned int attrs)
{
	return (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC_, attrs);
}

#endif
