/* What the parts of the init program share. */
#ifndef RUNG_INIT_H
#define RUNG_INIT_H

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "decode.h"
#include "ops.h"
#include "sys.h"

enum { FD_CONTROL = 100, FD_PROGRAM = 101, FD_EXECUTABLE = 102, DETAIL_MAX = 512 };

/* A message on the control channel, as libcontainer/internal/wire has it. */
struct message {
	uint32_t type;
	uint32_t op;
	int32_t err;
	uint32_t step;
	int64_t arg;
	char detail[DETAIL_MAX];
};

enum { MESSAGE_HEADER = offsetof(struct message, detail) };

struct state {
	int control;	    /* channel to the runtime; after the gate, to whoever starts */
	uint32_t index;	    /* of the op being carried out */
	uint16_t kind;	    /* of that op: whoever starts a waiting init has no program to look it up in */
	int root;	    /* the container's root, an O_PATH or mount descriptor, or -1 */
	int proc;	    /* the host's procfs, or -1 before its first use */
	bool inside;	    /* the root has changed: "/proc" is the container's now */
	int mask_dir;	    /* the shared empty directory of masked paths, attached, or -1 */
	int dev_null;	    /* the host's /dev/null, verified, or -1 */
	int landlock;	    /* the ruleset that LandlockRuleset made, or -1 */
	int made;	    /* what CloneSource or OpenFS made, or -1 */
	int listener;	    /* of a seccomp filter that was loaded with SECCOMP_KEEP, or -1 */
	bool send_listener; /* the runtime cannot take it */
	int namespaces[8];  /* what HoldNamespaces keeps: the bit of each kind, in the order of namespace.c, is in kept */
	uint64_t kept;
	int held_proc;	    /* the mount on the container's /proc, or -1 */
	int held_sys;	    /* and on its /sys */
	bool host_shared;   /* mounts made now may propagate to the host */
	bool chdir_denied;  /* the first Chdir was refused */
	uint64_t refused;   /* joins that were refused: bit n for descriptor FD_CONTROL + n */
	uint64_t *times;    /* when each op ended, in ns of the host's CLOCK_MONOTONIC; NULL: nobody asked, or all is told */
	uint64_t begun;	    /* when the first of them began */
	uint32_t told;	    /* how many the runtime knows */
	const char *exec;   /* what FindExec found */
	char home[PATH_MAX]; /* "HOME=…" or empty */
};

extern struct state st;

/* message.c */
enum { NUMBER_MAX = 24 }; /* the digits of a long, base 8 or more, and a NUL */
const char *number(char text[NUMBER_MAX], unsigned long n, unsigned int base);
void say(uint32_t type, int64_t arg, int fd);
uint32_t hear(int *fd, struct message *m);
void ask(uint32_t type, int64_t arg, int fd);
void fail(uint32_t step, int err, const char *detail) __attribute__((noreturn));
#define fail_errno(step) fail((step), errno, "")
void warn(uint32_t step, int err, const char *detail);
int try_send(const struct message *m, size_t size, int fd);
void send_message(const struct message *m, size_t size, int fd);

/* clock.c */
void clock_start(uint32_t ops);
void clock_stamp(void);
void clock_tell(void);
void clock_stop(void);

/* path.c */
enum target_kind { TARGET_ANY, TARGET_DIR, TARGET_FILE };
int open_in_root(const char *path, uint64_t flags, uint64_t resolve);
int open_in_held(const char *path, uint64_t node_flags);
int open_target(const char *path, enum target_kind kind, uint64_t mount_flags, bool *made);
int open_parent(const char *path, char last[NAME_MAX + 1]);
int open_proc(const char *path, int flags);
void leave_host(void);
void write_once(int fd, const struct op_string *data);

/* mount.c */
void op_propagation(const struct op *o);
void op_root_open(const struct op *o);
void op_mount_fs(const struct op *o);
void op_mount_bind(const struct op *o);
void op_mount_data(const struct op *o);
void op_mount_attr(const struct op *o);
void op_mask(const struct op *o);
void op_readonly_path(const struct op *o);
void op_pivot(const struct op *o);
void op_root_propagation(const struct op *o);
void op_root_readonly(const struct op *o);
void op_clone_source(const struct op *o);
void op_attach_here(void);
void op_empty_root(void);
void attach(int mount, int target);
int delegate(int64_t where);
int clone_tree(int dir, const char *path, unsigned int flags);

/* node.c */
void op_mkdir(const struct op *o);
void op_mknod(const struct op *o);
void op_make_node(const struct op *o);
void op_symlink(const struct op *o);
void copy_link(int link, const char *path);
int copy_tree(int from, int to);

/* landlock.c */
void op_landlock_ruleset(const struct op *o);
void op_landlock_path(const struct op *o);
void op_landlock_port(const struct op *o);
void op_landlock_restrict(void);

/* namespace.c */
void op_hold_namespaces(const struct op *o);
void tell_namespaces(int connection);

/* process.c */
void op_controlling_terminal(void);
void op_console(const struct op *o);
void op_stdio_owner(const struct op *o);
void op_keyring(const struct op *o);
void op_loopback_up(const struct op *o);
void op_scheduler(const struct op *o);
void op_chdir(const struct op *o);
void op_bounding(const struct op *o);
void op_identity(const struct op *o);
void op_capset(const struct op *o);
void op_find_exec(const struct op *o);
void op_gate(const struct op *o);
void op_seccomp(const struct op *o);
void op_listener(void);
void op_home(const struct op *o);
void op_exec(const struct op *o);
void op_exec_host(const struct op *o);

#endif
