//go:build ignore

/* The change of the root, and what is under it. */
#include "init.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>

static void pivot_root_here(void)
{
	int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (old < 0)
		fail_errno(STEP_OPEN);
	if (fchdir(st.root) < 0)
		fail_errno(STEP_CHDIR);
	/* pivot_root(2), notes: new_root and put_old may be the same; the old root then lies over the new one */
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		fail_errno(STEP_PIVOT);
	if (fchdir(old) < 0)
		fail_errno(STEP_CHDIR);
	/* detaching a shared tree would detach it on the host too */
	if (st.host_shared && mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		fail_errno(STEP_PROPAGATION);
	if (umount2(".", MNT_DETACH) < 0)
		fail_errno(STEP_UMOUNT);
	close(old);
}

/* The whole of mountinfo, however many mounts there are: one that was missed would stay. */
static char *read_mounts(void)
{
	size_t size = 1 << 16, have = 0;
	int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	char *info = NULL, *more;
	ssize_t n;

	if (fd < 0)
		fail_errno(STEP_OPEN);
	do {
		if (info == NULL || have == size - 1) {
			size *= 2;
			more = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			if (more == MAP_FAILED)
				fail(STEP_OPEN, errno, "/proc/self/mountinfo");
			if (info != NULL) {
				memcpy(more, info, have);
				syscall(SYS_munmap, info, size / 2);
			}
			info = more;
		}
		n = read(fd, info + have, size - 1 - have);
		if (n < 0)
			fail(STEP_OPEN, errno, "/proc/self/mountinfo");
		have += (size_t)n;
	} while (n > 0);
	close(fd);
	info[have] = '\0';
	return info;
}

/*
 * Without pivot_root the host's mounts stay underneath: those of procfs and sysfs are taken away first, or a process
 * with a user namespace of its own could mount a fresh, unmasked one (mount_too_revealing in the kernel).
 */
static void move_root_here(void)
{
	static char root[PATH_MAX];
	size_t root_len;
	int n;
	char *line, *next, *info = read_mounts();

	if (fchdir(st.root) < 0)
		fail_errno(STEP_CHDIR);
	if (syscall(SYS_getcwd, root, sizeof root) < 0)
		fail_errno(STEP_CHDIR);
	root_len = strlen(root);
	for (line = info; *line != '\0'; line = next) {
		char *path, *type;

		next = line + strcspn(line, "\n");
		if (*next != '\0')
			*next++ = '\0';
		type = strstr(line, " - ");
		if (type == NULL || (strncmp(type + 3, "proc ", 5) != 0 && strncmp(type + 3, "sysfs ", 6) != 0))
			continue;
		/* id, parent, device; then the root of the mount, where only whole file systems count; then its place */
		for (path = line, n = 0; n < 3; n++)
			path += strcspn(path, " ") + (path[strcspn(path, " ")] != '\0');
		if (strncmp(path, "/ ", 2) != 0)
			continue;
		path += 2;
		path[strcspn(path, " ")] = '\0';
		if (strchr(path, '\\') != NULL)
			continue;
		if (strncmp(path, root, root_len) == 0 && path[root_len] == '/')
			continue; /* the container's own */
		if (mount(NULL, path, NULL, MS_SLAVE | MS_REC, NULL) < 0)
			continue;
		if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT &&
		    mount("tmpfs", path, "tmpfs", 0, NULL) < 0)
			fail(STEP_UMOUNT, errno, path);
	}
	if (mount(".", "/", NULL, MS_MOVE, NULL) < 0)
		fail_errno(STEP_MOVE_MOUNT);
	if (chroot(".") < 0)
		fail_errno(STEP_CHROOT);
}

static void let_go(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void op_pivot(const struct op *o)
{
	/* a waiting init holds nothing that was only for the way here */
	let_go(&st.mask_dir);
	let_go(&st.dev_null);
	leave_host();
	switch (o->n[PIVOT_N_MODE]) {
	case PIVOT_ROOT:
		pivot_root_here();
		break;
	case PIVOT_MOVE:
		move_root_here();
		break;
	default:
		if (fchdir(st.root) < 0)
			fail_errno(STEP_CHDIR);
		if (chroot(".") < 0)
			fail_errno(STEP_CHROOT);
	}
	if (chdir("/") < 0)
		fail_errno(STEP_CHDIR);
	let_go(&st.held_proc);
	let_go(&st.held_sys);
	let_go(&st.root);
	st.root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (st.root < 0)
		fail_errno(STEP_OPEN);
}

void op_root_propagation(const struct op *o)
{
	if (mount(NULL, "/", NULL, o->n[ROOT_PROPAGATION_N_FLAGS], NULL) < 0)
		fail_errno(STEP_OP);
}

void op_root_readonly(const struct op *o)
{
	(void)o;
	if (sys_mount_setattr(st.root, 0, ATTR_RDONLY, 0, 0, -1) < 0)
		fail_errno(STEP_SETATTR);
}
