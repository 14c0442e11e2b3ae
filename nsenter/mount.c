//go:build ignore

/*
 * Mounts. Each is made detached, where nobody can reach it, gets its flags, and is then moved onto a descriptor: no
 * path is resolved twice, and a target that is swapped meanwhile is not the one that was opened (CVE-2021-30465).
 */
#include "init.h"

#include <string.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/statvfs.h> /* ST_*, which statfs(2) gives, too */
#include <sys/vfs.h>
#include <sys/xattr.h>

void attach(int mount, int target)
{
	if (sys_move_mount(mount, target) < 0)
		fail_errno(STEP_MOVE_MOUNT);
}

int clone_tree(int dir, const char *path, unsigned int flags)
{
	return sys_open_tree(dir, path, OPEN_TREE_CLONE_ | (*path == '\0' ? AT_EMPTY_PATH : 0) | flags);
}

static unsigned int recursive(uint64_t mount_flags) { return mount_flags & MOUNT_RECURSIVE ? AT_RECURSIVE_ : 0; }

static void set_propagation(int mount, uint64_t propagation, uint64_t mount_flags)
{
	unsigned int flags = mount_flags & MOUNT_PROPAGATION_RECURSIVE ? AT_RECURSIVE_ : 0;

	if (propagation != 0 && sys_mount_setattr(mount, flags, 0, 0, propagation, -1) < 0)
		fail_errno(STEP_PROPAGATION);
}

static void set_idmap(int mount, int64_t userns, uint64_t mount_flags)
{
	unsigned int flags = mount_flags & MOUNT_IDMAP_TREE ? AT_RECURSIVE_ : 0;

	if (userns >= 0 && sys_mount_setattr(mount, flags, ATTR_IDMAP, 0, 0, (int)userns) < 0)
		fail_errno(STEP_IDMAP);
}

/* A mount over the root itself takes its place: later targets, and the pivot, are meant in it. */
static void place(int mount, int target, uint64_t flags)
{
	if (sys_move_mount(mount, target) < 0) {
		struct stat a, b;
		int err = errno;

		/* the kernel's EINVAL has a better name where it is a file on a directory, or the other way round */
		if (err == EINVAL && fstat(mount, &a) == 0 && fstat(target, &b) == 0 &&
		    S_ISDIR(a.st_mode) != S_ISDIR(b.st_mode))
			fail(STEP_MOVE_MOUNT, ENOTDIR, "");
		fail(STEP_MOVE_MOUNT, err, "");
	}
	if (flags & MOUNT_REPLACE_ROOT) {
		close(st.root);
		st.root = mount;
	} else {
		close(mount);
	}
	close(target);
}

static int target_or_fail(const char *path, enum target_kind kind, uint64_t flags, bool *made)
{
	int fd = open_target(path, kind, flags, made);

	if (fd < 0)
		fail_errno(STEP_TARGET);
	return fd;
}

void op_propagation(const struct op *o)
{
	uint64_t flags = o->n[PROPAGATION_N_FLAGS];

	if (mount(NULL, "/", NULL, flags, NULL) < 0)
		fail_errno(STEP_OP);
	st.host_shared = (flags & MS_SHARED) != 0 || (flags & MS_REC) == 0;
}

/*
 * The runtime opens what this process may not: a detached clone made inside this mount namespace or outside of it, a
 * procfs, a node.
 */
int delegate(int64_t where)
{
	struct message m;
	int fd = -1;

	say(MSG_DELEGATE, where, -1);
	if (hear(&fd, &m) != MSG_GO)
		fail(STEP_DELEGATE, m.err ? m.err : EPROTO, "");
	if (fd < 0)
		fail(STEP_DELEGATE, EPROTO, "");
	return fd;
}

static int clone_source(const char *path, uint64_t flags, int64_t idmap)
{
	int tree;

	if (flags & MOUNT_DELEGATE)
		return delegate(DELEGATE_INSIDE);
	tree = clone_tree(AT_FDCWD, path, recursive(flags) | (flags & MOUNT_SOURCE_NO_FOLLOW ? AT_SYMLINK_NOFOLLOW : 0));
	if (tree < 0 && (errno == EACCES || errno == EPERM) && (flags & MOUNT_DELEGATE_ON_DENIED))
		return delegate(DELEGATE_INSIDE);
	/* a mount below the source must stay where it is, over what it covers: the clone would show that */
	if (tree < 0 && errno == EINVAL && (flags & MOUNT_OUTSIDE))
		return delegate(DELEGATE_OUTSIDE);
	if (tree >= 0)
		set_idmap(tree, idmap, flags);
	return tree;
}

void op_clone_source(const struct op *o)
{
	uint64_t set = o->n[CLONE_SOURCE_N_SET], clear = o->n[CLONE_SOURCE_N_CLEAR];
	uint64_t rset = o->n[CLONE_SOURCE_N_REC_SET], rclear = o->n[CLONE_SOURCE_N_REC_CLEAR];

	st.made = clone_source(o->s[CLONE_SOURCE_S_PATH].p, o->n[CLONE_SOURCE_N_FLAGS],
			       (int64_t)o->n[CLONE_SOURCE_N_IDMAP_FD]);
	if (st.made < 0)
		fail_errno(STEP_OPEN_TREE);
	if ((set | clear) != 0 && sys_mount_setattr(st.made, 0, set, clear, 0, -1) < 0)
		fail_errno(STEP_SETATTR);
	if ((rset | rclear) != 0 && sys_mount_setattr(st.made, AT_RECURSIVE_, rset, rclear, 0, -1) < 0)
		fail_errno(STEP_SETATTR);
}

/*
 * A file system of this process's own: nobody has names in it, and the root of a user namespace that does not map the
 * owner of the host's directories may walk there. Not on "/": who does not stand on the topmost mount has changed its
 * root for the kernel, and may not make a user namespace.
 */
void op_attach_here(void)
{
	static const char name[] = "mount";
	int fs = sys_fsopen("tmpfs"), dir, target;
	struct stat sb;

	if (fs < 0)
		fail_errno(STEP_FSOPEN);
	if (sys_fsconfig(fs, FSCONFIG_SET_STRING_, "mode", "755") < 0)
		fail_errno(STEP_FSCONFIG);
	if (sys_fsconfig(fs, FSCONFIG_CMD_CREATE_, NULL, NULL) < 0)
		fail_errno(STEP_FSCREATE);
	dir = sys_fsmount(fs, ATTR_NOSUID | ATTR_NODEV | ATTR_NOEXEC);
	if (dir < 0)
		fail_errno(STEP_FSMOUNT);
	close(fs);
	target = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (target < 0)
		fail(STEP_TARGET, errno, "/proc");
	attach(dir, target);
	close(target);
	if (fstat(st.made, &sb) < 0)
		fail_errno(STEP_STAT);
	if ((S_ISDIR(sb.st_mode) ? mkdirat(dir, name, 0755) : mknodat(dir, name, S_IFREG | 0644, 0)) < 0)
		fail_errno(STEP_MKNOD);
	target = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0)
		fail_errno(STEP_TARGET);
	attach(st.made, target);
	close(target);
	close(st.made);
	st.made = -1;
	if (fchdir(dir) < 0)
		fail_errno(STEP_CHDIR);
	close(dir);
}

/* The mount that a host path is on: its root is the first directory upwards that is one. */
static void make_parent_private(const char *path)
{
	char dir[PATH_MAX];
	int fd, r;

	if (path[0] != '/' || strlen(path) >= sizeof dir)
		fail(STEP_PROPAGATION, path[0] != '/' ? EINVAL : ENAMETOOLONG, "");
	strcpy(dir, path);
	for (;;) {
		fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			fail(STEP_PROPAGATION, errno, dir);
		r = sys_mount_setattr(fd, 0, 0, 0, MS_PRIVATE, -1);
		close(fd);
		if (r == 0)
			return;
		if (errno != EINVAL || dir[1] == '\0')
			fail(STEP_PROPAGATION, errno, dir);
		*(strrchr(dir, '/') == dir ? dir + 1 : strrchr(dir, '/')) = '\0';
	}
}

/*
 * The root is mounted over its own path, where hooks look for it. A path that cannot be walked with the container's
 * ids (a 0700 directory above it) is not needed: over / is as good for pivot_root.
 */
void op_root_open(const struct op *o)
{
	const char *path = o->s[ROOT_OPEN_S_PATH].p;
	uint64_t flags = o->n[ROOT_OPEN_N_FLAGS];
	int tree, target;

	tree = clone_source(path, flags, (int64_t)o->n[ROOT_OPEN_N_IDMAP_FD]);
	if (tree < 0)
		fail_errno(STEP_OPEN_TREE);
	/* pivot_root(2): neither the new root nor its parent may be shared; a slave of the host may stay one */
	if (sys_mount_setattr(tree, 0, 0, 0, st.host_shared ? MS_PRIVATE : MS_SLAVE, -1) < 0)
		fail_errno(STEP_PROPAGATION);
	if (st.host_shared)
		make_parent_private(path);
	target = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (target < 0 && errno == EACCES)
		target = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (target < 0)
		fail_errno(STEP_TARGET);
	attach(tree, target);
	close(target);
	st.root = tree;
}

/* The kernel's own words about a refused option wait in the file system context (fsopen(2)). */
static void fail_fs(int fs, uint32_t step, int err, const char *what)
{
	char text[DETAIL_MAX];
	ssize_t n = read(fs, text, sizeof text - 1);

	if (n <= 0)
		fail(step, err, what);
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	fail(step, err, text);
}

static void configure_fs(int fs, const struct op_string *data)
{
	const char *item = NULL;

	while ((item = list_next(data, item)) != NULL) {
		const char *eq = strchr(item, '=');
		char key[256];
		size_t n = eq == NULL ? strlen(item) : (size_t)(eq - item);
		int r;

		if (n >= sizeof key)
			fail(STEP_FSCONFIG, EINVAL, item);
		memcpy(key, item, n);
		key[n] = '\0';
		r = eq == NULL ? sys_fsconfig(fs, FSCONFIG_SET_FLAG_, key, NULL)
			       : sys_fsconfig(fs, FSCONFIG_SET_STRING_, key, eq + 1);
		if (r < 0)
			fail_fs(fs, STEP_FSCONFIG, errno, item);
	}
}

/* A new tmpfs without mode= looks like the directory that it covers, and like the kernel's default where that is new. */
static void copy_mode(int fs, int target)
{
	struct stat sb;
	char mode[NUMBER_MAX];

	if (fstat(target, &sb) < 0)
		fail_errno(STEP_STAT);
	if (sys_fsconfig(fs, FSCONFIG_SET_STRING_, "mode", number(mode, sb.st_mode & 07777, 8)) < 0)
		fail_errno(STEP_FSCONFIG);
}

static void set_label(int mount, const struct op_string *label)
{
	int root = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		fail_errno(STEP_OPEN);
	if (fsetxattr(root, "security.selinux", label->p, label->len, 0) < 0)
		fail(STEP_SETATTR, errno, "security.selinux");
	close(root);
}

/* The container's /proc and /sys by descriptor: their names may be given to something else while it is made. */
static void hold(int mount, uint64_t flags)
{
	int *held = flags & MOUNT_KEEP_PROC ? &st.held_proc : &st.held_sys;

	if (!(flags & (MOUNT_KEEP_PROC | MOUNT_KEEP_SYS)))
		return;
	*held = fcntl(mount, F_DUPFD_CLOEXEC, 3);
	if (*held < 0)
		fail_errno(STEP_OP);
}

/*
 * The context of a procfs takes the pid namespace of the process that opens it, and this one stays out of the joined one
 * as long as it can: there it could be traced. Since Linux 6.17 the context can be told; before, a helper process of the
 * runtime opens it. A process of the namespace could have that one open a file system of another type: so long as the
 * context is only that, it is asked for an option that procfs alone has, and for one that nobody has, since file systems
 * of the older kind take any.
 */
static int open_procfs(int fs, int pidns)
{
	if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_FD_, "pidns", NULL, pidns) == 0)
		return fs;
	if (errno != EINVAL)
		fail_fs(fs, STEP_FSCONFIG, errno, "pidns");
	close(fs);
	fs = delegate(DELEGATE_INSIDE);
	if (sys_fsconfig(fs, FSCONFIG_SET_FLAG_, "rung", NULL) == 0 || errno != EINVAL ||
	    sys_fsconfig(fs, FSCONFIG_SET_STRING_, "hidepid", "0") < 0)
		fail(STEP_VERIFY, ENODEV, "the helper process did not open a procfs");
	return fs;
}

/*
 * A sysfs shows the network namespace, and only the user namespace that owns that one may mount it: with the host's
 * network the host's /sys takes its place. Nothing in it is the container's to change.
 */
static void bind_host_sys(const struct op *o)
{
	uint64_t flags = o->n[MOUNT_FS_N_FLAGS], attrs = o->n[MOUNT_FS_N_ATTRS] & ~(uint64_t)ATTR_ATIME;
	int target = target_or_fail(o->s[MOUNT_FS_S_TARGET].p, TARGET_DIR, flags, NULL);
	int tree = clone_tree(AT_FDCWD, "/sys", AT_RECURSIVE_);

	if (tree < 0)
		fail(STEP_SOURCE, errno, "/sys");
	if (sys_mount_setattr(tree, AT_RECURSIVE_, (attrs & ~(uint64_t)ATTR_NODIRATIME) | ATTR_RDONLY, 0, 0, -1) < 0)
		fail(STEP_SETATTR, errno, "/sys");
	set_propagation(tree, o->n[MOUNT_FS_N_PROPAGATION], flags);
	hold(tree, flags);
	place(tree, target, flags);
}

void op_mount_fs(const struct op *o)
{
	uint64_t flags = o->n[MOUNT_FS_N_FLAGS], attrs = o->n[MOUNT_FS_N_ATTRS];
	const struct op_string *source = &o->s[MOUNT_FS_S_SOURCE];
	int fs, fd, target;
	bool made;

	fs = sys_fsopen(o->s[MOUNT_FS_S_TYPE].p);
	if (fs < 0) {
		if (errno == ENODEV && (flags & MOUNT_OPTIONAL))
			return;
		if (errno == EPERM && (flags & MOUNT_HOST_SYS)) {
			bind_host_sys(o);
			return;
		}
		fail_errno(STEP_FSOPEN);
	}
	if ((int64_t)o->n[MOUNT_FS_N_PIDNS_FD] >= 0)
		fs = open_procfs(fs, (int)o->n[MOUNT_FS_N_PIDNS_FD]);
	target = target_or_fail(o->s[MOUNT_FS_S_TARGET].p, TARGET_DIR, flags, &made);
	if (source->len > 0 && sys_fsconfig(fs, FSCONFIG_SET_STRING_, "source", source->p) < 0)
		fail_fs(fs, STEP_FSCONFIG, errno, "source");
	configure_fs(fs, &o->s[MOUNT_FS_S_DATA]);
	if ((flags & MOUNT_MODE_OF_TARGET) && !made)
		copy_mode(fs, target);
	if (sys_fsconfig(fs, FSCONFIG_CMD_CREATE_, NULL, NULL) < 0)
		fail_fs(fs, STEP_FSCREATE, errno, "");
	fd = sys_fsmount(fs, flags & MOUNT_COPY_UP ? 0 : (unsigned int)(attrs & ~(uint64_t)ATTR_NOSYMFOLLOW));
	if (fd < 0)
		fail_fs(fs, STEP_FSMOUNT, errno, "");
	close(fs);
	if (flags & MOUNT_COPY_UP) {
		if (copy_tree(target, fd) < 0)
			fail(STEP_COPY_UP, errno, errno == ENAMETOOLONG ? "it is more than 2048 directories deep" : "");
	}
	/* what fsmount could not take: nosymfollow is younger than it, and a copy needs a writable mount */
	if (flags & MOUNT_COPY_UP || attrs & ATTR_NOSYMFOLLOW)
		if (sys_mount_setattr(fd, 0, attrs, attrs & (ATTR_NOATIME | ATTR_STRICTATIME) ? ATTR_ATIME : 0, 0, -1) < 0)
			fail_errno(STEP_SETATTR);
	if (o->s[MOUNT_FS_S_LABEL].len > 0)
		set_label(fd, &o->s[MOUNT_FS_S_LABEL]);
	set_idmap(fd, (int64_t)o->n[MOUNT_FS_N_IDMAP_FD], 0);
	set_propagation(fd, o->n[MOUNT_FS_N_PROPAGATION], flags);
	hold(fd, flags);
	place(fd, target, flags);
}

static uint64_t attrs_of(int mount)
{
	struct statfs v;
	uint64_t a = 0;

	if (fstatfs(mount, &v) < 0)
		return 0;
	a |= v.f_flags & ST_RDONLY ? ATTR_RDONLY : 0;
	a |= v.f_flags & ST_NOSUID ? ATTR_NOSUID : 0;
	a |= v.f_flags & ST_NODEV ? ATTR_NODEV : 0;
	a |= v.f_flags & ST_NOEXEC ? ATTR_NOEXEC : 0;
	a |= v.f_flags & ST_NODIRATIME ? ATTR_NODIRATIME : 0;
	a |= v.f_flags & 0x2000 /* ST_NOSYMFOLLOW, Linux 5.10 */ ? ATTR_NOSYMFOLLOW : 0;
	return a;
}

enum { ATIMES = ATTR_ATIME | ATTR_NODIRATIME };

/*
 * In a user namespace some flags of the source are locked (mount_namespaces(7)). The config's "bind" with other flags
 * means "these flags"; where the kernel refuses to clear a locked one, it stays, unless the config cleared it by name.
 * Access times that the config changes by name, and that are locked, are an error as well: errno is EPERM.
 */
static int set_attrs_locked(int tree, uint64_t set, uint64_t clear, uint64_t explicit)
{
	enum { lockable = ATTR_RDONLY | ATTR_NOSUID | ATTR_NODEV | ATTR_NOEXEC };
	uint64_t keep = attrs_of(tree) & lockable & ~set;

	if ((keep & explicit) != 0)
		fail(STEP_SETATTR, EPERM, "");
	set |= keep;
	clear &= ~keep;
	if (sys_mount_setattr(tree, 0, set, clear, 0, -1) == 0)
		return 0;
	if (explicit & ATIMES)
		return -1;
	set &= ~(uint64_t)ATIMES;
	clear &= ~(uint64_t)ATIMES;
	return sys_mount_setattr(tree, 0, set, clear, 0, -1);
}

static int set_bind_attrs(int tree, const struct op *o)
{
	uint64_t set = o->n[MOUNT_BIND_N_SET], clear = o->n[MOUNT_BIND_N_CLEAR];
	uint64_t rset = o->n[MOUNT_BIND_N_REC_SET], rclear = o->n[MOUNT_BIND_N_REC_CLEAR];

	if ((set | clear) != 0 && sys_mount_setattr(tree, 0, set, clear, 0, -1) < 0) {
		if (errno != EPERM || !(o->n[MOUNT_BIND_N_FLAGS] & MOUNT_LOCK_RETRY))
			return -1;
		if (set_attrs_locked(tree, set, clear, o->n[MOUNT_BIND_N_EXPLICIT]) < 0)
			return -1;
	}
	if ((rset | rclear) != 0)
		return sys_mount_setattr(tree, AT_RECURSIVE_, rset, rclear, 0, -1);
	return 0;
}

/* Of what is locked, the runtime changes the access times alone: no flag there keeps anybody from anything. */
static bool wants_other_atimes(const struct op *o)
{
	return ((o->n[MOUNT_BIND_N_EXPLICIT] | o->n[MOUNT_BIND_N_REC_SET] | o->n[MOUNT_BIND_N_REC_CLEAR]) & ATIMES) != 0;
}

void op_mount_bind(const struct op *o)
{
	uint64_t flags = o->n[MOUNT_BIND_N_FLAGS];
	struct stat sb;
	int tree, target;

	tree = clone_source(o->s[MOUNT_BIND_S_SOURCE].p, flags, (int64_t)o->n[MOUNT_BIND_N_IDMAP_FD]);
	if (tree < 0) {
		if (errno == ENOENT && (flags & MOUNT_OPTIONAL))
			return;
		fail_errno(STEP_SOURCE);
	}
	if (fstat(tree, &sb) < 0)
		fail_errno(STEP_STAT);
	if (S_ISLNK(sb.st_mode) && (flags & MOUNT_COPY_SYMLINK)) {
		copy_link(tree, o->s[MOUNT_BIND_S_TARGET].p);
		close(tree);
		return;
	}
	target = target_or_fail(o->s[MOUNT_BIND_S_TARGET].p, S_ISDIR(sb.st_mode) ? TARGET_DIR : TARGET_FILE, flags, NULL);
	if (set_bind_attrs(tree, o) < 0) {
		if (errno != EPERM || !(flags & MOUNT_OUTSIDE) || !wants_other_atimes(o))
			fail_errno(STEP_SETATTR);
		close(tree);
		tree = delegate(DELEGATE_OUTSIDE);
		if (set_bind_attrs(tree, o) < 0)
			fail_errno(STEP_SETATTR);
	}
	set_propagation(tree, o->n[MOUNT_BIND_N_PROPAGATION], flags);
	place(tree, target, flags);
}

/* mount(2) has no descriptors: "." of a directory that is held open is as good. */
void op_mount_data(const struct op *o)
{
	uint64_t flags = o->n[MOUNT_DATA_N_FLAGS];
	int cwd, fd, target;

	target = target_or_fail(o->s[MOUNT_DATA_S_TARGET].p, TARGET_DIR, flags, NULL);
	cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (cwd < 0 || fchdir(target) < 0)
		fail_errno(STEP_CHDIR);
	if (mount(o->s[MOUNT_DATA_S_SOURCE].p, ".", o->s[MOUNT_DATA_S_TYPE].p, o->n[MOUNT_DATA_N_MS_FLAGS],
		  o->s[MOUNT_DATA_S_DATA].p) < 0)
		fail_errno(STEP_MOUNT);
	if (fchdir(cwd) < 0)
		fail_errno(STEP_CHDIR);
	close(cwd);
	close(target);
	if (flags & MOUNT_REPLACE_ROOT) {
		/* the new mount is found from the old root's own path: ".." of the root stays in it */
		fd = sys_openat2(st.root, "..", O_PATH | O_DIRECTORY, 0, RESOLVE_IN_ROOT_);
		if (fd < 0)
			fail_errno(STEP_TARGET);
		close(st.root);
		st.root = fd;
	}
	if (o->n[MOUNT_DATA_N_PROPAGATION] != 0) {
		target = target_or_fail(o->s[MOUNT_DATA_S_TARGET].p, TARGET_DIR, flags | MOUNT_NO_CREATE, NULL);
		set_propagation(target, o->n[MOUNT_DATA_N_PROPAGATION], flags);
		close(target);
	}
}

void op_mount_attr(const struct op *o)
{
	uint64_t flags = o->n[MOUNT_ATTR_N_FLAGS];
	int target = open_target(o->s[MOUNT_ATTR_S_TARGET].p, TARGET_ANY, flags | MOUNT_NO_CREATE, NULL);

	if (target < 0) {
		if (errno == ENOENT && (flags & MOUNT_OPTIONAL))
			return;
		fail_errno(STEP_TARGET);
	}
	if (sys_mount_setattr(target, recursive(flags), o->n[MOUNT_ATTR_N_SET], o->n[MOUNT_ATTR_N_CLEAR], 0, -1) < 0)
		fail_errno(STEP_SETATTR);
	set_propagation(target, o->n[MOUNT_ATTR_N_PROPAGATION], flags);
	close(target);
}

static int open_dev_null(void)
{
	struct stat sb;

	if (st.dev_null >= 0)
		return st.dev_null;
	st.dev_null = open("/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (st.dev_null < 0)
		fail(STEP_OPEN, errno, "/dev/null");
	if (fstat(st.dev_null, &sb) < 0 || !S_ISCHR(sb.st_mode) || sb.st_rdev != makedev(1, 3))
		fail(STEP_VERIFY, ENODEV, "/dev/null");
	return st.dev_null;
}

/* One empty, read-only tmpfs covers every masked directory; only its first mount is made, the others are clones. */
static int empty_directory(void)
{
	int fs, fd;

	if (st.mask_dir >= 0)
		return clone_tree(st.mask_dir, "", 0);
	fs = sys_fsopen("tmpfs");
	if (fs < 0)
		fail_errno(STEP_FSOPEN);
	if (sys_fsconfig(fs, FSCONFIG_SET_FLAG_, "ro", NULL) < 0 ||
	    sys_fsconfig(fs, FSCONFIG_SET_STRING_, "mode", "755") < 0 ||
	    sys_fsconfig(fs, FSCONFIG_SET_STRING_, "nr_inodes", "1") < 0)
		fail_errno(STEP_FSCONFIG);
	if (sys_fsconfig(fs, FSCONFIG_CMD_CREATE_, NULL, NULL) < 0)
		fail_errno(STEP_FSCREATE);
	fd = sys_fsmount(fs, ATTR_RDONLY | ATTR_NOSUID | ATTR_NODEV | ATTR_NOEXEC);
	if (fd < 0)
		fail_errno(STEP_FSMOUNT);
	close(fs);
	return fd;
}

static void close_all(unsigned int first, unsigned int last)
{
	if (syscall(SYS_close_range, first, last, 0) < 0)
		fail_errno(STEP_OP);
}

/* The directory's mount is attached nowhere: nothing is above it, or below. */
void op_empty_root(void)
{
	int dir = empty_directory();

	if (fchdir(dir) < 0)
		fail_errno(STEP_CHDIR);
	if (chroot(".") < 0)
		fail_errno(STEP_CHROOT);
	close(dir);
	close_all(0, FD_CONTROL - 1);
	close_all(FD_CONTROL + 1, ~0U);
}

void op_mask(const struct op *o)
{
	int target = open_in_held(o->s[MASK_S_PATH].p, o->n[MASK_N_FLAGS]), fd;
	struct stat sb;

	if (target < 0) {
		if ((o->n[MASK_N_FLAGS] & NODE_MISSING_OK) && (errno == ENOENT || errno == ENOTDIR || errno == EACCES))
			return;
		fail_errno(STEP_TARGET);
	}
	if (fstat(target, &sb) < 0)
		fail_errno(STEP_STAT);
	if (S_ISDIR(sb.st_mode)) {
		fd = empty_directory();
		if (fd < 0)
			fail_errno(STEP_OPEN_TREE);
		attach(fd, target);
		if (st.mask_dir < 0)
			st.mask_dir = fd;
		else
			close(fd);
	} else {
		fd = clone_tree(open_dev_null(), "", 0);
		if (fd < 0)
			fail_errno(STEP_OPEN_TREE);
		if (sys_mount_setattr(fd, 0, ATTR_RDONLY, 0, 0, -1) < 0)
			fail_errno(STEP_SETATTR);
		attach(fd, target);
		close(fd);
	}
	close(target);
}

void op_readonly_path(const struct op *o)
{
	int target = open_in_held(o->s[READONLY_PATH_S_PATH].p, o->n[READONLY_PATH_N_FLAGS]), tree;

	if (target < 0) {
		if ((o->n[READONLY_PATH_N_FLAGS] & NODE_MISSING_OK) && (errno == ENOENT || errno == ENOTDIR))
			return;
		fail_errno(STEP_TARGET);
	}
	tree = clone_tree(target, "", AT_RECURSIVE_);
	if (tree < 0)
		fail_errno(STEP_OPEN_TREE);
	if (sys_mount_setattr(tree, AT_RECURSIVE_, ATTR_RDONLY, 0, 0, -1) < 0)
		fail_errno(STEP_SETATTR);
	attach(tree, target);
	close(tree);
	close(target);
}
