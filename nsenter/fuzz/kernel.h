/*
 * A kernel for the fuzzer: every system call of the init program ends here. It refuses what the script says, and fills
 * what the init asks for (links, directories, files, messages) with what the script says; it reads and writes every
 * byte that the real one would, under ASan's eyes. It also holds the init to its rules, and aborts when one is broken:
 *
 *   - below the container's root a path goes through openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), and a name that is
 *     given to an *at call is one component, not "..", and not followed;
 *   - below the host's procfs a path goes through openat2(RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS);
 *   - only ops whose business that is name a path of the host (host_path_op);
 *   - a new descriptor is close-on-exec, is closed once, and is not forgotten (settle);
 *   - a message has the shape that libcontainer/internal/wire reads.
 *
 * A script that has come to its end lets everything succeed: the seeds are whole programs without one.
 */
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <poll.h>
#include <sanitizer/asan_interface.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "../ops.h"

static long k_syscall(long number, ...);
#define syscall(...) k_syscall(__VA_ARGS__, 0L, 0L, 0L, 0L, 0L, 0L)
#include "../sys.h"

enum { FDS = 192, MAX_CALLS = 1 << 11, MAX_MAPS = 64, CONTROL = 100, GATE = 103, FIRST_HANDED = 104, LAST_HANDED = 107 };

/* what a descriptor leads to */
enum place { CLOSED = 0, HOST, ROOT, PROC, PROC_FD, PROC_NS, FRESH, CHANNEL, LISTENER, ORDERS, OTHER };

struct file {
	uint8_t place;
	bool inherited;
	mode_t mode;
	dev_t rdev;
	bool listed; /* a directory whose end was reached */
	bool seen;   /* what it is was asked */
};

static struct {
	const uint8_t *at, *end;
	struct file fd[FDS];
	void *map[MAX_MAPS];
	int maps, calls;
	int opened[FDS], news; /* what the op opened, for settle */
	mode_t made_mode; /* of the last mknodat(2): what is found there, as a rule */
	dev_t made_dev;
	uint16_t op; /* the kind of the op being carried out, for host_path_op */
	uint32_t index;
	jmp_buf over;
} k;

static uint8_t next(void) { return k.at < k.end ? *k.at++ : 0; }

static uint16_t next16(void)
{
	uint16_t lo = next();

	return (uint16_t)(lo | next() << 8);
}

static void broken(const char *rule)
{
	fprintf(stderr, "op %u of kind %u breaks the rule: %s\n", k.index, k.op, rule);
	abort();
}

static void __attribute__((noreturn)) over(void) { longjmp(k.over, 1); }

/* The end of the world comes to an init that never stops asking: as SIGKILL does. */
static bool refuse(void)
{
	static const int errors[] = {EPERM, ENOENT, EINTR,  EAGAIN, EACCES, EEXIST, ENOTDIR,	EINVAL,
				     ENODEV, EMFILE, ENOSYS, EROFS,  ELOOP,  EBUSY,  ENAMETOOLONG, EIO};
	uint8_t b;

	if (++k.calls > MAX_CALLS)
		over();
	b = next();
	if (b < 0xc0)
		return false;
	errno = errors[b % 16];
	return true;
}

static bool is_open(int fd) { return fd >= 0 && fd < FDS && k.fd[fd].place != CLOSED; }

static bool bad_fd(int fd)
{
	if (is_open(fd))
		return false;
	errno = EBADF;
	return true;
}

static int new_fd(enum place where, mode_t mode, dev_t rdev)
{
	for (int fd = 3; fd < FDS; fd++)
		if (k.fd[fd].place == CLOSED && (fd < CONTROL || fd > LAST_HANDED)) {
			k.fd[fd] = (struct file){.place = (uint8_t)where, .mode = mode, .rdev = rdev};
			if (k.news < FDS)
				k.opened[k.news++] = fd;
			return fd;
		}
	errno = EMFILE;
	return -1;
}

/* Reads what the kernel would read. */
static void touch(const void *p, size_t n)
{
	if (n > 0 && __asan_region_is_poisoned((void *)(uintptr_t)p, n) != NULL) {
		const volatile unsigned char *b = p;

		for (size_t i = 0; i < n; i++)
			(void)b[i]; /* ASan tells which byte, and whose */
	}
}

static size_t touch_string(const char *s) { return s == NULL ? 0 : strlen(s); }

static void touch_list(char *const *v)
{
	for (; v != NULL && *v != NULL; v++)
		touch_string(*v);
}

/* Fills a buffer with at most max bytes of the script's choice. */
static size_t content(char *buf, size_t max)
{
	static const char *const known[] = {
	    "/", "..", "/../../..", "a", "./a//b/", "self/fd/3", "/proc/self/exe", "(unreachable)/etc",
	    "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n",
	    "keyring;0;0;3f010000;_ses.web", "keyring;;", ";;;zz",
	    "24 1 0:22 / /proc rw,nosuid shared:13 - proc proc rw\n25 1 0:23 / /sys rw - sysfs sysfs rw\n",
	    "24 1 0:22 / /bundle/rootfs/proc rw - proc proc rw\n\n - sysfs \n25 1 0:23 /a / rw - sysfs sysfs rw",
	    "tmpfs: Bad value for 'size'\nmore",
	};
	size_t n = 0;

	if (max == 0)
		return 0;
	switch (next() % 5) {
	case 0: {
		const char *s = known[next() % (sizeof known / sizeof *known)];

		n = strlen(s) < max ? strlen(s) : max;
		memcpy(buf, s, n);
		break;
	}
	case 1:
		n = next16() % (max + 1);
		memset(buf, 'a' + next() % 8, n);
		break;
	case 2: /* one name after the other */
		n = next16() % (max + 1);
		for (size_t i = 0; i < n; i++)
			buf[i] = "a/./../b"[i % 8];
		break;
	case 3:
		n = next() % (max < 255 ? max + 1 : 256);
		for (size_t i = 0; i < n; i++)
			buf[i] = (char)next();
		break;
	case 4: /* full to the brim */
		n = max;
		memset(buf, 'x', n);
	}
	return n;
}

/* The same without NUL, as a link or a path is, and never empty. */
static size_t path_content(char *buf, size_t max)
{
	size_t n = content(buf, max);

	for (size_t i = 0; i < n; i++)
		if (buf[i] == '\0')
			buf[i] = 'n';
	if (n == 0)
		buf[n++] = '.';
	return n;
}

/* What a path leads to: what its name promises, but where the script has other ideas. */
static void kind_of(const char *path, bool directory, mode_t *mode, dev_t *rdev)
{
	static const mode_t modes[] = {S_IFDIR | 0755, S_IFREG | 0644, S_IFLNK | 0777, S_IFCHR | 0666,
				       S_IFIFO | 0600, S_IFSOCK | 0700, S_IFBLK | 0600, S_IFDIR | 01777};
	static const unsigned int majors[] = {1, 5, 4, 136, 143, 0};
	const char *last = strrchr(path, '/');
	uint8_t b = next();

	last = last == NULL ? path : last + 1;
	*rdev = 0;
	if (b != 0) {
		*mode = directory ? S_IFDIR | 0700 : modes[b % 8];
		*rdev = makedev(majors[b / 8 % 6], b / 64 + 1);
	} else if (directory) {
		*mode = S_IFDIR | 0755;
	} else if (strcmp(last, "null") == 0) {
		*mode = S_IFCHR | 0666;
		*rdev = makedev(1, 3);
	} else if (strcmp(last, "ptmx") == 0) {
		*mode = S_IFCHR | 0666;
		*rdev = makedev(5, 2);
	} else if (strcmp(last, "passwd") == 0) {
		*mode = S_IFREG | 0644;
	} else if (k.made_mode != 0) {
		*mode = k.made_mode;
		*rdev = k.made_dev;
	} else {
		*mode = S_IFDIR | 0755;
	}
}

/* The ops that may name a path of the host: sources, and what comes with the caller's mount namespace. */
static bool host_path_op(void)
{
	switch (k.op) {
	case OP_WRITE_FILE: /* control groups */
	case OP_PROC_WRITE: /* /proc itself */
	case OP_HOLD_NAMESPACES:
	case OP_ROOT_OPEN:
	case OP_MOUNT_BIND:
	case OP_CLONE_SOURCE:
	case OP_MKNOD: /* /proc for chmod; with NodeBind the host's node */
	case OP_MAKE_NODE: /* the top of a mount namespace of its own */
	case OP_ATTACH_HERE: /* /proc of a mount namespace of its own */
	case OP_MASK:  /* /dev/null */
	case OP_PROPAGATION:
	case OP_PIVOT:
	case OP_ROOT_PROPAGATION: /* these are in the container's root already */
	case OP_ROOT_HERE:
	case OP_EMPTY_ROOT: /* "." of a mount that is nowhere */
	case OP_CHDIR:
	case OP_FIND_EXEC:
	case OP_EXEC:
	case OP_EXEC_HOST:
		return true;
	}
	return false;
}

static void host_path(const char *path)
{
	touch_string(path);
	/* MountData stands in the target: "." is no name */
	if (!host_path_op() && !(k.op == OP_MOUNT_DATA && strcmp(path, ".") == 0))
		broken("a path is named outside the container's root");
}

/* A name in a directory that is held. */
static void one_name(int dir, const char *name)
{
	touch_string(name);
	if (dir == AT_FDCWD)
		broken("a name is looked for in the working directory");
	if (strchr(name, '/') != NULL || strcmp(name, "..") == 0)
		broken("a name of more than one component");
}

static void closes_on_exec(uint64_t flags)
{
	if (!(flags & O_CLOEXEC))
		broken("a descriptor is not close-on-exec");
}

#include "calls.h"
