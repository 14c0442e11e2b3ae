/* The calls that the init makes by name, and the macros that lead it here. */
static int k_open(const char *path, int flags)
{
	mode_t mode;
	dev_t rdev;

	closes_on_exec((uint64_t)flags);
	host_path(path);
	if (refuse())
		return -1;
	kind_of(path, (flags & O_DIRECTORY) != 0, &mode, &rdev);
	return new_fd(strcmp(path, "/proc") == 0 ? PROC : HOST, mode, rdev);
}

static int k_openat(int dir, const char *name, int flags, ...)
{
	mode_t mode;
	dev_t rdev;

	closes_on_exec((uint64_t)flags);
	one_name(dir, name);
	if (!(flags & O_NOFOLLOW) && strcmp(name, ".") != 0 && (bad_fd(dir) || k.fd[dir].place != PROC_NS))
		broken("a link may be followed");
	if (bad_fd(dir) || refuse())
		return -1;
	if (k.fd[dir].place == PROC_NS)
		return new_fd(OTHER, S_IFREG, 0);
	kind_of(name, (flags & O_DIRECTORY) != 0 || strcmp(name, ".") == 0, &mode, &rdev);
	return new_fd(k.fd[dir].place, mode, rdev);
}

static int k_openat2(int dir, const char *path, const struct open_how_v0 *how, size_t size)
{
	enum { IN_ROOT_ = RESOLVE_IN_ROOT_ | RESOLVE_NO_MAGICLINKS_, IN_PROC_ = RESOLVE_NO_XDEV_ | RESOLVE_NO_MAGICLINKS_ };
	mode_t mode;
	dev_t rdev;

	touch(how, size);
	touch_string(path);
	closes_on_exec(how->flags);
	if (bad_fd(dir))
		return -1;
	if (k.fd[dir].place == PROC) {
		if ((how->resolve & IN_PROC_) != IN_PROC_)
			broken("procfs is not walked with RESOLVE_NO_XDEV and RESOLVE_NO_MAGICLINKS");
	} else if (strcmp(path, "..") == 0 ? !(how->resolve & RESOLVE_IN_ROOT_) : (how->resolve & IN_ROOT_) != IN_ROOT_) {
		broken("the root is not walked with RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS");
	}
	if (refuse())
		return -1;
	kind_of(path, (how->flags & O_DIRECTORY) != 0, &mode, &rdev);
	if (k.fd[dir].place == PROC)
		return new_fd(strcmp(path, "self/fd") == 0 ? PROC_FD : strcmp(path, "self/ns") == 0 ? PROC_NS : OTHER, mode, rdev);
	return new_fd(ROOT, mode, rdev);
}

static int k_close(int fd)
{
	if (fd < 0)
		return -1;
	if (!is_open(fd))
		fprintf(stderr, "descriptor %d, %d calls, %zd bytes of script left\n", fd, k.calls, k.end - k.at), broken("a descriptor is closed twice");
	k.fd[fd].place = CLOSED;
	return 0;
}

static int k_fcntl(int fd, int cmd, ...)
{
	if (cmd != F_DUPFD_CLOEXEC)
		broken("fcntl(2) of a kind that is not known");
	if (bad_fd(fd) || refuse())
		return -1;
	return new_fd(k.fd[fd].place, k.fd[fd].mode, k.fd[fd].rdev);
}

static int k_dup2(int from, int to)
{
	if (to > 2)
		broken("dup2(2) to what is not a standard stream: not close-on-exec");
	if (bad_fd(from) || refuse())
		return -1;
	k.fd[to] = k.fd[from];
	k.fd[to].inherited = true;
	return to;
}

static int simple(void) { return refuse() ? -1 : 0; }

static int on_fd(int fd) { return bad_fd(fd) || refuse() ? -1 : 0; }

static int k_fstat(int fd, struct stat *sb)
{
	memset(sb, 0, sizeof *sb);
	if (bad_fd(fd) || refuse())
		return -1;
	k.fd[fd].seen = true;
	sb->st_mode = k.fd[fd].mode;
	sb->st_rdev = k.fd[fd].rdev;
	sb->st_uid = next() % 4 ? 1000 : 0;
	return 0;
}

static int k_fstatat(int dir, const char *name, struct stat *sb, int flags)
{
	one_name(dir, name);
	if (!(flags & AT_SYMLINK_NOFOLLOW))
		broken("a link may be followed");
	memset(sb, 0, sizeof *sb);
	if (bad_fd(dir) || refuse())
		return -1;
	kind_of(name, false, &sb->st_mode, &sb->st_rdev);
	return 0;
}

static int k_stat(const char *path, struct stat *sb)
{
	host_path(path);
	memset(sb, 0, sizeof *sb);
	if (refuse())
		return -1;
	sb->st_mode = next() % 4 == 1 ? S_IFDIR | 0755 : S_IFREG | 0755;
	return 0;
}

static int k_fstatfs(int fd, struct statfs *fs)
{
	memset(fs, 0, sizeof *fs);
	fs->f_type = next() % 8 == 1 ? 0x01021994 : 0x9fa0;
	fs->f_flags = next16();
	return on_fd(fd);
}

static ssize_t k_read(int fd, void *buf, size_t n)
{
	memset(buf, 0x5a, n); /* all of it has to be there */
	if (bad_fd(fd) || refuse())
		return -1;
	if (k.fd[fd].place == ORDERS && n > 0) {
		*(char *)buf = next() % 4 == 0 ? 'S' : 'x';
		return next() % 8 == 1 ? 0 : 1;
	}
	if (k.fd[fd].place == CHANNEL && next() % 4 == 0 && n >= 4) { /* the answer to MSG_NOTIFY */
		*(uint32_t *)buf = MSG_GO;
		return n < 24 ? (ssize_t)n : 24;
	}
	return next() == 0 ? 0 : (ssize_t)content(buf, n);
}

static ssize_t k_write(int fd, const void *buf, size_t n)
{
	touch(buf, n);
	if (bad_fd(fd) || refuse())
		return -1;
	return next() % 16 == 1 ? (ssize_t)(n / 2) : (ssize_t)n;
}

static ssize_t k_readlinkat(int dir, const char *name, char *buf, size_t n)
{
	if (*name != '\0')
		one_name(dir, name);
	memset(buf, 0x5a, n);
	if (bad_fd(dir) || refuse())
		return -1;
	return (ssize_t)path_content(buf, n);
}

static int name_at(int dir, const char *name)
{
	one_name(dir, name);
	return on_fd(dir);
}

static int k_mknodat(int dir, const char *name, mode_t mode, dev_t dev)
{
	k.made_mode = mode;
	k.made_dev = dev;
	return name_at(dir, name);
}

static int k_symlinkat(const char *to, int dir, const char *name)
{
	touch_string(to);
	return name_at(dir, name);
}

static int k_fchownat(int dir, const char *name, int flags)
{
	if (*name == '\0' ? !(flags & AT_EMPTY_PATH) : !(flags & AT_SYMLINK_NOFOLLOW))
		broken("a link may be followed");
	return *name == '\0' ? on_fd(dir) : name_at(dir, name);
}

/* It follows links: the magic ones of /proc/self/fd to a descriptor that is held, or in a file system nobody else sees. */
static int k_fchmodat(int dir, const char *name)
{
	if (bad_fd(dir))
		return -1;
	if (k.fd[dir].place != PROC_FD && k.fd[dir].place != FRESH)
		broken("fchmodat(2) follows a link");
	return name_at(dir, name);
}

static ssize_t k_sendfile(int out, int in)
{
	if (bad_fd(out) || bad_fd(in))
		return -1;
	if (!k.fd[in].seen || !S_ISREG(k.fd[in].mode))
		broken("a file is copied that was not looked at");
	if (refuse())
		return -1;
	return next() % 8 == 1 ? 4096 : 0;
}

static long k_getdents(int fd, char *buf, size_t size)
{
	size_t at = 0;

	memset(buf, 0x5a, size);
	if (bad_fd(fd) || refuse())
		return -1;
	if (k.fd[fd].listed)
		return 0;
	k.fd[fd].listed = next() % 4 != 1;
	for (int count = next() % 8; count > 0; count--) {
		char name[NAME_MAX + 1];
		size_t n = path_content(name, next() % 4 == 0 ? 8 : NAME_MAX), reclen;
		uint16_t len;

		for (size_t i = 0; i < n; i++)
			if (name[i] == '/')
				name[i] = 's';
		name[n] = '\0';
		reclen = (offsetof(struct dirent64, d_name) + n + 1 + 7) / 8 * 8;
		if (at + reclen > size)
			break;
		len = (uint16_t)reclen;
		memset(buf + at, 0, reclen);
		memcpy(buf + at + offsetof(struct dirent64, d_reclen), &len, sizeof len);
		memcpy(buf + at + offsetof(struct dirent64, d_name), name, n + 1);
		at += reclen;
	}
	return (long)at;
}

static long k_getcwd(char *buf, size_t size)
{
	size_t n;

	memset(buf, 0x5a, size);
	if (refuse())
		return -1;
	n = path_content(buf, size - 1);
	buf[n] = '\0';
	return (long)n + 1;
}

static int k_mount(const char *source, const char *target, const char *type, const char *data)
{
	touch_string(source);
	touch_string(type);
	touch_string(data);
	host_path(target);
	return simple();
}

static ssize_t k_sendmsg(int fd, const struct msghdr *h)
{
	const uint8_t *m = h->msg_iov[0].iov_base;
	size_t n = h->msg_iov[0].iov_len;
	const struct cmsghdr *c = CMSG_FIRSTHDR(h);
	uint32_t type, op;

	touch(m, n);
	if (h->msg_iovlen != 1 || n < 24 || n > 24 + 512)
		broken("a message that the runtime would refuse");
	memcpy(&type, m, sizeof type);
	memcpy(&op, m + 4, sizeof op);
	if (type == MSG_NONE || (type >= MSG_GO && type != MSG_NAMESPACE) || (op != k.index && type != MSG_TIMES) || op > k.index)
		broken("a message that is not the init's, or of another op");
	if (c != NULL) {
		int sent;

		touch(c, h->msg_controllen);
		memcpy(&sent, CMSG_DATA(c), sizeof sent);
		if (bad_fd(sent))
			return -1;
	}
	return bad_fd(fd) || refuse() ? -1 : (ssize_t)n;
}

static ssize_t k_recvmsg(int fd, struct msghdr *h)
{
	uint8_t *m = h->msg_iov[0].iov_base;
	size_t max = h->msg_iov[0].iov_len, n = 24;
	uint8_t b;

	memset(m, 0, max);
	if (bad_fd(fd) || refuse())
		return -1;
	b = next();
	if (b % 4 == 1) {
		n = content((char *)m, max);
	} else {
		const uint32_t types[] = {MSG_GO, MSG_START, MSG_FAIL};
		uint32_t type = types[b / 4 % (sizeof types / sizeof types[0])];

		memcpy(m, &type, sizeof type);
	}
	if (h->msg_control != NULL) {
		int got;

		memset(h->msg_control, 0, h->msg_controllen);
		if (b / 16 % 4 == 1 || (got = new_fd(ROOT, S_IFDIR, 0)) < 0) {
			h->msg_controllen = 0;
		} else {
			struct cmsghdr *c = CMSG_FIRSTHDR(h);

			c->cmsg_level = SOL_SOCKET;
			c->cmsg_type = SCM_RIGHTS;
			c->cmsg_len = CMSG_LEN(sizeof got);
			memcpy(CMSG_DATA(c), &got, sizeof got);
			h->msg_controllen = CMSG_SPACE(sizeof got);
		}
	}
	return (ssize_t)n;
}

static int k_accept4(int fd, int flags)
{
	closes_on_exec(flags & SOCK_CLOEXEC ? O_CLOEXEC : 0);
	if (bad_fd(fd) || refuse())
		return -1;
	if (k.fd[fd].place != LISTENER) {
		errno = ENOTSOCK;
		return -1;
	}
	return new_fd(ORDERS, S_IFSOCK, 0);
}

static int k_socket(int type)
{
	closes_on_exec(type & SOCK_CLOEXEC ? O_CLOEXEC : 0);
	return refuse() ? -1 : new_fd(OTHER, S_IFSOCK, 0);
}

static int k_ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	long v;
	void *p;

	va_start(ap, request);
	if (request == TIOCGPTPEER) {
		v = va_arg(ap, int);
		closes_on_exec((uint64_t)v);
		va_end(ap);
		return bad_fd(fd) || refuse() ? -1 : new_fd(OTHER, S_IFCHR | 0620, makedev(136, 0));
	}
	if (request == TIOCSCTTY) {
		va_end(ap);
		return on_fd(fd);
	}
	p = va_arg(ap, void *);
	va_end(ap);
	switch (request) {
	case TIOCSPTLCK:
		touch(p, sizeof(int));
		break;
	case TIOCSWINSZ:
		touch(p, sizeof(struct winsize));
		break;
	case SIOCSIFFLAGS:
		touch(p, sizeof(struct ifreq));
		break;
	default:
		broken("ioctl(2) of a kind that is not known");
	}
	return on_fd(fd);
}

static void *k_mmap(size_t len)
{
	void *p;

	if (k.maps == MAX_MAPS || refuse()) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	p = calloc(1, len); /* exactly as long as it was asked for */
	if (p == NULL)
		return MAP_FAILED;
	k.map[k.maps++] = p;
	return p;
}

static int k_execve(const char *path, char *const *argv, char *const *env)
{
	host_path(path == NULL ? "" : path);
	touch_list(argv);
	touch_list(env);
	if (!refuse())
		over();
	return -1;
}

static int k_chdir(const char *path)
{
	host_path(path);
	return simple();
}

#include "syscall.h"

#define open(path, flags) k_open((path), (flags))
#define openat(...) k_openat(__VA_ARGS__)
#define close(fd) k_close(fd)
#define fcntl(...) k_fcntl(__VA_ARGS__)
#define dup2(a, b) k_dup2((a), (b))
#define fstat(fd, sb) k_fstat((fd), (sb))
#define fstatat(dir, name, sb, flags) k_fstatat((dir), (name), (sb), (flags))
#define stat(path, sb) k_stat((path), (sb))
#define fstatfs(fd, v) k_fstatfs((fd), (v))
#define read(fd, p, n) k_read((fd), (p), (n))
#define write(fd, p, n) k_write((fd), (p), (n))
#define readlinkat(dir, name, p, n) k_readlinkat((dir), (name), (p), (n))
#define mkdirat(dir, name, mode) ((void)(mode), name_at((dir), (name)))
#define mknodat(dir, name, mode, dev) k_mknodat((dir), (name), (mode), (dev))
#define symlinkat(to, dir, name) k_symlinkat((to), (dir), (name))
#define unlinkat(dir, name, flags) ((void)(flags), name_at((dir), (name)))
#define fchownat(dir, name, uid, gid, flags) ((void)(uid), (void)(gid), k_fchownat((dir), (name), (flags)))
#define fchmodat(dir, name, mode, flags) ((void)(mode), (void)(flags), k_fchmodat((dir), (name)))
#define fchown(fd, uid, gid) ((void)(uid), (void)(gid), on_fd(fd))
#define fchmod(fd, mode) ((void)(mode), on_fd(fd))
#define fsetxattr(fd, name, p, n, flags) (touch((p), (n)), on_fd(fd))
#define sendfile(out, in, off, n) k_sendfile((out), (in))
#define mount(source, target, type, flags, data) ((void)(flags), k_mount((source), (target), (type), (data)))
#define umount2(path, flags) k_chdir(path)
#define chdir(path) k_chdir(path)
#define fchdir(fd) on_fd(fd)
#define chroot(path) k_chdir(path)
#define setns(fd, type) ((void)(type), on_fd(fd))
#define unshare(flags) ((void)(flags), simple())
#define setsid() simple()
#define sethostname(p, n) (touch((p), (n)), simple())
#define setdomainname(p, n) (touch((p), (n)), simple())
#define prctl(...) simple()
#define personality(v) ((void)(v), simple())
#define umask(mode) ((void)(mode))
#define sigaction(sig, act, old) k_sigaction((act), (old))
#define ioctl(...) k_ioctl(__VA_ARGS__)
#define socket(domain, type, protocol) k_socket(type)
#define accept4(fd, addr, len, flags) k_accept4((fd), (flags))
#define sendmsg(fd, h, flags) k_sendmsg((fd), (h))
#define recvmsg(fd, h, flags) k_recvmsg((fd), (h))
#define mmap(addr, len, prot, flags, fd, off) k_mmap(len)
#define madvise(p, n, advice) ((void)(p), (void)(n))
#define execve(path, argv, env) k_execve((path), (argv), (env))
#define main init_main
#define _exit(status) ((void)(status), over())
