//go:build ignore

/*
 * Paths below the container's root. The tree belongs to an image or is shared with a neighbour: nothing in it is
 * reached but through openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS) from the root's descriptor, and nothing is
 * made but with *at calls in a directory held by a descriptor.
 */
#include "init.h"

#include <string.h>
#include <sys/vfs.h>

enum { MAX_LINKS = 40, MAX_RETRIES = 128 };

static int open_in(int dir, const char *path, uint64_t flags, uint64_t resolve)
{
	int fd, tries = 0;

	while (*path == '/')
		path++;
	if (*path == '\0')
		path = ".";
	/* EAGAIN: something was renamed below the root meanwhile, and the kernel cannot vouch for ".." (openat2(2)) */
	do
		fd = sys_openat2(dir, path, flags, 0, RESOLVE_IN_ROOT_ | RESOLVE_NO_MAGICLINKS_ | resolve);
	while (fd < 0 && (errno == EINTR || (errno == EAGAIN && ++tries < MAX_RETRIES)));
	return fd;
}

int open_in_root(const char *path, uint64_t flags, uint64_t resolve) { return open_in(st.root, path, flags, resolve); }

/* Opens a path for Mask and ReadonlyPath, O_PATH: below a mount that is held, when the flags say so. */
int open_in_held(const char *path, uint64_t node_flags)
{
	static const char proc[] = "/proc", sys[] = "/sys";

	if (node_flags & NODE_IN_PROC && strncmp(path, proc, sizeof proc - 1) == 0)
		return open_in(st.held_proc, path + sizeof proc - 1, O_PATH, 0);
	if (node_flags & NODE_IN_SYS && strncmp(path, sys, sizeof sys - 1) == 0)
		return open_in(st.held_sys, path + sizeof sys - 1, O_PATH, 0);
	return open_in_root(path, O_PATH, 0);
}

/* The walk of a path whose end does not exist yet. done holds no symlink and no "..", so that it can be opened again. */
struct walk {
	char done[PATH_MAX];
	char rest[2 * PATH_MAX];
};

static int walk_init(struct walk *w, const char *path)
{
	w->done[0] = '\0';
	if (strlen(path) >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(w->rest, path);
	return 0;
}

/* Cuts the next component off rest. False at the end. */
static bool walk_component(struct walk *w, char name[NAME_MAX + 1])
{
	const char *p = w->rest;
	size_t n;

	while (*p == '/')
		p++;
	n = strcspn(p, "/");
	if (n == 0)
		return false;
	if (n > NAME_MAX)
		n = NAME_MAX; /* the kernel will say ENAMETOOLONG or ENOENT; never longer than the buffer */
	memcpy(name, p, n);
	name[n] = '\0';
	memmove(w->rest, p + n, strlen(p + n) + 1);
	return true;
}

static bool walk_at_end(const struct walk *w) { return w->rest[strspn(w->rest, "/")] == '\0'; }

static int walk_push(struct walk *w, const char *name)
{
	size_t have = strlen(w->done), n = strlen(name);

	if (have + 1 + n >= sizeof w->done) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (have > 0)
		w->done[have++] = '/';
	memcpy(w->done + have, name, n + 1);
	return 0;
}

static void walk_pop(struct walk *w)
{
	char *slash = strrchr(w->done, '/');

	if (slash != NULL)
		*slash = '\0';
	else
		w->done[0] = '\0';
}

static int walk_link(struct walk *w, int link, int *links)
{
	char to[PATH_MAX];
	size_t rest = strlen(w->rest);
	ssize_t n;

	if (++*links > MAX_LINKS) {
		errno = ELOOP;
		return -1;
	}
	n = readlinkat(link, "", to, sizeof to);
	if (n < 0)
		return -1;
	if (n == 0 || (size_t)n >= sizeof to || (size_t)n + 1 + rest >= sizeof w->rest) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memmove(w->rest + n + 1, w->rest, rest + 1);
	memcpy(w->rest, to, (size_t)n);
	w->rest[n] = '/';
	if (to[0] == '/')
		w->done[0] = '\0';
	return 0;
}

static int open_done(const struct walk *w, uint64_t flags)
{
	return open_in_root(w->done, O_PATH | flags, RESOLVE_NO_SYMLINKS_);
}

/* Makes an empty file or a directory where there is nothing, not even a symlink. 0 or the errno. */
static int make_in(int dir, const char *name, bool file)
{
	int fd;

	if (!file)
		return mkdirat(dir, name, 0755) < 0 ? errno : 0;
	fd = openat(dir, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_WRONLY, 0644);
	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

/*
 * Most often the end alone is missing, and there are no links: three calls then do what the walk takes three for each
 * component to do. -1: it is otherwise, or a neighbour is at work, and the walk finds out.
 */
static int make_end(const char *path, bool file)
{
	char above[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t n = slash == NULL ? 0 : (size_t)(slash - path);
	const char *name = slash == NULL ? path : slash + 1;
	int dir, fd = -1;

	if (n >= sizeof above || name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return -1;
	memcpy(above, path, n);
	above[n] = '\0';
	dir = open_in_root(above, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS_);
	if (dir < 0)
		return -1;
	if (make_in(dir, name, file) == 0)
		fd = open_in(dir, name, O_PATH, RESOLVE_NO_SYMLINKS_);
	close(dir);
	return fd;
}

static int make_last(struct walk *w, const char *name, bool file)
{
	int err, dir = open_done(w, O_DIRECTORY);

	if (dir < 0)
		return -1;
	err = make_in(dir, name, file);
	close(dir);
	if (err != 0 && err != EEXIST) { /* EEXIST: a neighbour was quicker; what is there is looked at again */
		errno = err;
		return -1;
	}
	return 0;
}

/*
 * Walks path and makes what is missing: directories on the way, and at the end what kind asks for. Symlinks are
 * followed inside the root, dangling ones to where they point.
 */
static int make_path(const char *path, enum target_kind kind, uint64_t flags, bool *made)
{
	static struct walk w; /* too large for comfort on the stack; the init has one thread */
	char name[NAME_MAX + 1];
	int links = 0, fd = make_end(path, kind == TARGET_FILE);

	if (fd >= 0) {
		if (made != NULL)
			*made = true;
		return fd;
	}
	if (walk_init(&w, path) < 0)
		return -1;
	while (walk_component(&w, name)) {
		struct stat sb;

		if (strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0) {
			walk_pop(&w);
			continue;
		}
		if (walk_push(&w, name) < 0)
			return -1;
		fd = open_done(&w, O_NOFOLLOW);
		if (fd < 0 && errno == ENOENT && !(flags & MOUNT_NO_CREATE)) {
			walk_pop(&w);
			if (make_last(&w, name, kind == TARGET_FILE && walk_at_end(&w)) < 0)
				return -1;
			if (made != NULL)
				*made = true;
			if (walk_push(&w, name) < 0)
				return -1;
			fd = open_done(&w, O_NOFOLLOW);
		}
		if (fd < 0)
			return -1;
		if (fstat(fd, &sb) < 0) {
			close(fd);
			return -1;
		}
		if (S_ISLNK(sb.st_mode)) {
			if ((flags & MOUNT_TARGET_NO_FOLLOW) && walk_at_end(&w))
				return fd;
			walk_pop(&w);
			if ((flags & MOUNT_STRICT_DIR) || walk_link(&w, fd, &links) < 0) {
				int err = (flags & MOUNT_STRICT_DIR) ? ELOOP : errno;

				close(fd);
				errno = err;
				return -1;
			}
		}
		close(fd);
	}
	return open_done(&w, 0);
}

/* Opens the target of a mount, O_PATH, and makes it where it is missing. */
int open_target(const char *path, enum target_kind kind, uint64_t flags, bool *made)
{
	uint64_t resolve = flags & MOUNT_STRICT_DIR ? RESOLVE_NO_SYMLINKS_ : 0;
	int fd;

	if (made != NULL)
		*made = false;
	fd = open_in_root(path, O_PATH | (flags & MOUNT_TARGET_NO_FOLLOW ? O_NOFOLLOW : 0), resolve);
	if (fd < 0 && errno == ENOENT && !(flags & MOUNT_NO_CREATE))
		fd = make_path(path, kind, flags, made);
	if (fd >= 0 && (flags & MOUNT_STRICT_DIR)) {
		struct stat sb;

		if (fstat(fd, &sb) == 0 && !S_ISDIR(sb.st_mode)) {
			close(fd);
			errno = ENOTDIR;
			return -1;
		}
	}
	return fd;
}

/* Opens the directory that holds the last component of path, making it where it is missing, and copies that component. */
int open_parent(const char *path, char last[NAME_MAX + 1])
{
	char dir[PATH_MAX];
	size_t n = strlen(path);
	const char *slash;

	while (n > 1 && path[n - 1] == '/')
		n--;
	if (n >= sizeof dir) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(dir, path, n);
	dir[n] = '\0';
	slash = strrchr(dir, '/');
	n = strlen(slash == NULL ? dir : slash + 1);
	if (n == 0 || n > NAME_MAX || strcmp(slash == NULL ? dir : slash + 1, "..") == 0) {
		errno = EINVAL;
		return -1;
	}
	memcpy(last, slash == NULL ? dir : slash + 1, n + 1);
	dir[slash == NULL ? 0 : slash - dir] = '\0';
	return open_target(dir, TARGET_DIR, 0, NULL);
}

enum { PROC_MAGIC = 0x9fa0 };

/* Opens below the host's procfs: checked to be procfs, no mount crossed, no magic link followed. */
int open_proc(const char *path, int flags)
{
	if (st.inside) {
		errno = EXDEV;
		return -1;
	}
	if (st.proc < 0) {
		struct statfs fs;
		int fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0)
			return -1;
		if (fstatfs(fd, &fs) < 0 || fs.f_type != PROC_MAGIC) {
			close(fd);
			errno = ENODEV;
			return -1;
		}
		st.proc = fd;
	}
	return sys_openat2(st.proc, path, (uint64_t)flags, 0, RESOLVE_NO_XDEV_ | RESOLVE_NO_MAGICLINKS_);
}

/* Lets go of the host: from here on there is neither a path nor a descriptor that leads to its procfs. */
void leave_host(void)
{
	if (st.proc >= 0)
		close(st.proc);
	st.proc = -1;
	st.inside = true;
}

void write_once(int fd, const struct op_string *data)
{
	ssize_t n;

	do
		n = write(fd, data->p, data->len);
	while (n < 0 && errno == EINTR);
	if (n < 0 || (size_t)n != data->len)
		fail(STEP_WRITE, n < 0 ? errno : EIO, "");
}
