//go:build ignore

/* Files that are made in the container's tree, with *at calls in a directory held open, and never through a symlink. */
#include "init.h"

#include <dirent.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/sysmacros.h>

static int parent_or_fail(const char *path, char last[NAME_MAX + 1])
{
	int dir = open_parent(path, last);

	if (dir < 0)
		fail_errno(STEP_TARGET);
	return dir;
}

/* fchmod(2) does not take O_PATH descriptors, and fchmodat(2) would follow a name; a magic link leads to the file itself. */
static int chmod_path(int fd, mode_t mode)
{
	char name[NUMBER_MAX];
	int r, dir = open_proc("self/fd", O_PATH | O_DIRECTORY);

	if (dir < 0)
		return -1;
	r = fchmodat(dir, number(name, (unsigned long)fd, 10), mode, 0);
	close(dir);
	return r;
}

/*
 * Gives a node its owner and mode. The directory may be a volume that a neighbour shares, who puts a link in the node's
 * place: it is held by a descriptor, seen to be the node, and not named again.
 */
static void own(int dir, const char *name, mode_t mode, dev_t dev, uint64_t uid, uint64_t gid)
{
	int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat sb;

	if (fd < 0 || fstat(fd, &sb) < 0)
		fail_errno(STEP_STAT);
	if ((sb.st_mode & S_IFMT) != (mode & S_IFMT) || (!S_ISFIFO(mode) && sb.st_rdev != dev))
		fail(STEP_VERIFY, EEXIST, "");
	if ((sb.st_uid != uid || sb.st_gid != gid) && fchownat(fd, "", (uid_t)uid, (gid_t)gid, AT_EMPTY_PATH) < 0)
		fail_errno(STEP_CHOWN);
	/* chown clears set-id bits */
	if (((sb.st_mode ^ mode) & 07777 || mode & 07000) && chmod_path(fd, mode & 07777) < 0)
		fail_errno(STEP_CHMOD);
	close(fd);
}

void op_mkdir(const struct op *o)
{
	char name[NAME_MAX + 1];
	int dir = parent_or_fail(o->s[MKDIR_S_PATH].p, name);

	if (mkdirat(dir, name, (mode_t)o->n[MKDIR_N_MODE]) < 0 &&
	    !(errno == EEXIST && (o->n[MKDIR_N_FLAGS] & NODE_EXIST_OK)))
		fail_errno(STEP_MKDIR);
	close(dir);
}

/* The host's node, once it is known to be the device that is wanted, mounted over a file made for it. */
static void bind_node(const struct op *o, mode_t type, dev_t dev)
{
	const char *path = o->s[MKNOD_S_PATH].p;
	int source, tree, target;
	struct stat sb;

	source = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (source < 0)
		fail(STEP_SOURCE, errno, path);
	if (fstat(source, &sb) < 0 || (sb.st_mode & S_IFMT) != type || sb.st_rdev != dev)
		fail(STEP_VERIFY, ENODEV, path);
	tree = clone_tree(source, "", 0);
	if (tree < 0)
		fail_errno(STEP_OPEN_TREE);
	/*
	 * A device is written to all the same, but its owner, mode and times are the host's: ids that the user namespace
	 * maps, 0 among them, could change them.
	 */
	if (sys_mount_setattr(tree, 0, ATTR_RDONLY | ATTR_NOSUID | ATTR_NOEXEC, 0, 0, -1) < 0)
		fail_errno(STEP_SETATTR);
	target = open_target(path, TARGET_FILE, 0, NULL);
	if (target < 0)
		fail_errno(STEP_TARGET);
	attach(tree, target);
	close(source);
	close(tree);
	close(target);
}

void op_make_node(const struct op *o)
{
	static const char name[] = "node";
	mode_t mode = (mode_t)o->n[MAKE_NODE_N_MODE];
	dev_t dev = makedev((unsigned int)o->n[MAKE_NODE_N_MAJOR], (unsigned int)o->n[MAKE_NODE_N_MINOR]);
	int fs = sys_fsopen("tmpfs"), dir, top;

	if (fs < 0)
		fail_errno(STEP_FSOPEN);
	if (o->s[MAKE_NODE_S_CONTEXT].len > 0 &&
	    sys_fsconfig(fs, FSCONFIG_SET_STRING_, "context", o->s[MAKE_NODE_S_CONTEXT].p) < 0)
		fail_errno(STEP_FSCONFIG);
	if (sys_fsconfig(fs, FSCONFIG_CMD_CREATE_, NULL, NULL) < 0)
		fail_errno(STEP_FSCREATE);
	dir = sys_fsmount(fs, ATTR_NOSUID | ATTR_NOEXEC);
	if (dir < 0)
		fail_errno(STEP_FSMOUNT);
	close(fs);
	top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		fail_errno(STEP_TARGET);
	attach(dir, top);
	close(top);
	if (mknodat(dir, name, mode, dev) < 0)
		fail_errno(STEP_MKNOD);
	own(dir, name, mode, dev, o->n[MAKE_NODE_N_UID], o->n[MAKE_NODE_N_GID]);
	st.made = clone_tree(dir, name, 0);
	if (st.made < 0)
		fail_errno(STEP_OPEN_TREE);
	close(dir);
}

/* A user namespace cannot make a node: the runtime's is mounted over a file made for it. */
static void mount_node(const struct op *o, mode_t type, dev_t dev)
{
	int tree = delegate(DELEGATE_INSIDE), target;
	struct stat sb;

	if (fstat(tree, &sb) < 0 || (sb.st_mode & S_IFMT) != type || sb.st_rdev != dev)
		fail(STEP_VERIFY, ENODEV, o->s[MKNOD_S_PATH].p);
	target = open_target(o->s[MKNOD_S_PATH].p, TARGET_FILE, 0, NULL);
	if (target < 0)
		fail_errno(STEP_TARGET);
	attach(tree, target);
	close(tree);
	close(target);
}

void op_mknod(const struct op *o)
{
	uint64_t flags = o->n[MKNOD_N_FLAGS];
	mode_t mode = (mode_t)o->n[MKNOD_N_MODE];
	dev_t dev = makedev((unsigned int)o->n[MKNOD_N_MAJOR], (unsigned int)o->n[MKNOD_N_MINOR]);
	char name[NAME_MAX + 1];
	int dir;

	if (flags & NODE_DELEGATE) {
		mount_node(o, mode & S_IFMT, dev);
		return;
	}
	if ((flags & NODE_BIND) && !S_ISFIFO(mode)) {
		bind_node(o, mode & S_IFMT, dev);
		return;
	}
	dir = parent_or_fail(o->s[MKNOD_S_PATH].p, name);
	if (mknodat(dir, name, mode, dev) == 0) {
		/* the umask is 0: as a rule there is nothing to add */
		if (o->n[MKNOD_N_UID] != 0 || o->n[MKNOD_N_GID] != 0 || mode & 07000)
			own(dir, name, mode, dev, o->n[MKNOD_N_UID], o->n[MKNOD_N_GID]);
	} else if (errno == EEXIST) {
		/* an image may bring the very node; anything else in its place is an attack or a mistake */
		own(dir, name, mode, dev, o->n[MKNOD_N_UID], o->n[MKNOD_N_GID]);
	} else if (errno == EPERM && (flags & NODE_BIND_ON_DENIED) && !S_ISFIFO(mode)) {
		bind_node(o, mode & S_IFMT, dev);
	} else {
		fail_errno(STEP_MKNOD);
	}
	close(dir);
}

void op_symlink(const struct op *o)
{
	uint64_t flags = o->n[SYMLINK_N_FLAGS];
	const char *to = o->s[SYMLINK_S_TO].p;
	char name[NAME_MAX + 1];
	int dir = parent_or_fail(o->s[SYMLINK_S_PATH].p, name);

	if (symlinkat(to, dir, name) < 0) {
		if (errno != EEXIST)
			fail_errno(STEP_SYMLINK);
		if (flags & NODE_REPLACE) {
			if (unlinkat(dir, name, 0) < 0 && unlinkat(dir, name, AT_REMOVEDIR) < 0)
				fail_errno(STEP_UNLINK);
			if (symlinkat(to, dir, name) < 0)
				fail_errno(STEP_SYMLINK);
		} else if (!(flags & NODE_EXIST_OK)) {
			fail_errno(STEP_SYMLINK);
		}
	}
	close(dir);
}

/* The link again, at a path in the container: resolved there, by the container's processes, so it may say anything. */
void copy_link(int link, const char *path)
{
	char to[PATH_MAX], there[PATH_MAX], name[NAME_MAX + 1];
	ssize_t n = readlinkat(link, "", to, sizeof to - 1);
	int dir;

	if (n < 0)
		fail_errno(STEP_READ);
	to[n] = '\0';
	dir = parent_or_fail(path, name);
	if (symlinkat(to, dir, name) < 0) {
		if (errno != EEXIST)
			fail_errno(STEP_SYMLINK);
		if (readlinkat(dir, name, there, sizeof there) != n || memcmp(to, there, (size_t)n) != 0)
			fail(STEP_SYMLINK, EEXIST, "");
	}
	close(dir);
}

struct dirent64_head {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

/* A path of PATH_MAX bytes names no directory that is deeper. Each level takes two descriptors and some of the stack. */
enum { MAX_DEPTH = 2048 };

/* A neighbour may put another file there: owner and mode, a set-id bit above all, are those of what is copied. */
static int copy_file(int from, int to, const char *name)
{
	int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), out, r = -1;
	struct stat sb;

	if (in < 0)
		return -1;
	if (fstat(in, &sb) < 0 || !S_ISREG(sb.st_mode)) {
		close(in);
		errno = ESTALE;
		return -1;
	}
	out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out >= 0) {
		do
			r = (int)sendfile(out, in, NULL, 1 << 20);
		while (r > 0);
		if (r == 0 && fchown(out, sb.st_uid, sb.st_gid) == 0)
			r = fchmod(out, sb.st_mode & 07777);
		else
			r = -1;
		close(out);
	}
	close(in);
	return r;
}

/* In a function of its own, so that its buffer is on the stack once. */
static int copy_symlink(int from, int to, const char *name, const struct stat *sb) __attribute__((noinline));

static int copy_symlink(int from, int to, const char *name, const struct stat *sb)
{
	char link[PATH_MAX];
	ssize_t n = readlinkat(from, name, link, sizeof link - 1);

	if (n < 0)
		return -1;
	link[n] = '\0';
	if (symlinkat(link, to, name) < 0)
		return -1;
	return fchownat(to, name, sb->st_uid, sb->st_gid, AT_SYMLINK_NOFOLLOW);
}

static int copy_directory(int from, int to, int depth);

static int copy_entry(int from, int to, const char *name, int depth)
{
	struct stat sb;
	int a, b, r;

	if (fstatat(from, name, &sb, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	switch (sb.st_mode & S_IFMT) {
	case S_IFREG:
		return copy_file(from, to, name);
	case S_IFLNK:
		return copy_symlink(from, to, name, &sb);
	case S_IFDIR:
		if (mkdirat(to, name, 0700) < 0)
			return -1;
		a = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		b = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = a < 0 || b < 0 ? -1 : copy_directory(a, b, depth + 1);
		if (a >= 0)
			close(a);
		if (b >= 0)
			close(b);
		break;
	case S_IFSOCK:
		return 0; /* nobody listens on the copy */
	default:
		r = mknodat(to, name, sb.st_mode, sb.st_rdev);
	}
	if (r == 0)
		r = fchownat(to, name, sb.st_uid, sb.st_gid, AT_SYMLINK_NOFOLLOW);
	return r < 0 ? r : fchmodat(to, name, sb.st_mode & 07777, 0);
}

/* dir is open for reading, and read once. */
static int copy_directory(int dir, int to, int depth)
{
	char buf[512] __attribute__((aligned(8))); /* an entry has 280 bytes at most */
	int r = 0;
	long n;

	if (depth > MAX_DEPTH) {
		errno = ENAMETOOLONG;
		return -1;
	}
	while (r == 0 && (n = syscall(SYS_getdents64, dir, buf, sizeof buf)) > 0) {
		for (long at = 0; r == 0 && at < n;) {
			const struct dirent64_head *d = (const struct dirent64_head *)(buf + at);

			at += d->reclen;
			if (strcmp(d->name, ".") != 0 && strcmp(d->name, "..") != 0)
				r = copy_entry(dir, to, d->name, depth);
		}
	}
	return r == 0 && n < 0 ? -1 : r;
}

/*
 * Copies what is in one directory into another: modes, owners, links, nodes; not sockets, times or extended attributes.
 * The way back up is by descriptors: ".." of a directory that a neighbour moves leads elsewhere. A deep tree takes more
 * of them than the soft limit has, which is raised meanwhile.
 */
int copy_tree(int from, int to)
{
	int dir = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r, err; /* from may be O_PATH */
	struct rlimit was, more;

	if (dir < 0)
		return -1;
	if (syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &was) < 0)
		return -1;
	more = was;
	more.rlim_cur = was.rlim_max;
	if (syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &more, NULL) < 0)
		return -1;
	r = copy_directory(dir, to, 0);
	err = errno;
	close(dir);
	if (syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &was, NULL) < 0)
		return -1;
	errno = err;
	return r;
}
