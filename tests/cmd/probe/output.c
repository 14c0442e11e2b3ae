// The objects that the probe prints, by a JSON writer over one buffer, and what is read to be put into them.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "probe.h"

static char outbuf[16384];
static size_t outlen;
static int comma; // whether the next member needs one before it

void flush_out(void)
{
	size_t done = 0;
	while (done < outlen) {
		ssize_t n = write(1, outbuf + done, outlen - done);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			break;
		}
		done += (size_t)n;
	}
	outlen = 0;
}

void put(char c)
{
	if (outlen == sizeof(outbuf))
		flush_out();
	outbuf[outlen++] = c;
}

void puts_raw(const char *s)
{
	while (*s)
		put(*s++);
}

static void put_string(const char *s, size_t n)
{
	static const char hex[] = "0123456789abcdef";

	put('"');
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		if (c == '"' || c == '\\') {
			put('\\');
			put((char)c);
		} else if (c < 0x20 || c == 0x7f) {
			puts_raw("\\u00");
			put(hex[c >> 4]);
			put(hex[c & 15]);
		} else {
			put((char)c);
		}
	}
	put('"');
}

static void sep(void)
{
	if (comma)
		put(',');
	comma = 1;
}

static void name(const char *key)
{
	sep();
	put_string(key, strlen(key));
	put(':');
}

void open_with(const char *key, char bracket)
{
	if (key)
		name(key);
	else
		sep();
	put(bracket);
	comma = 0;
}

void close_with(char bracket)
{
	put(bracket);
	comma = 1;
}

void str_n(const char *key, const char *s, size_t n)
{
	if (key)
		name(key);
	else
		sep();
	put_string(s, n);
}

void str(const char *key, const char *s)
{
	str_n(key, s, strlen(s));
}

void num(const char *key, long long v)
{
	char b[32];

	if (key)
		name(key);
	else
		sep();
	snprintf(b, sizeof(b), "%lld", v);
	puts_raw(b);
}

void unum(const char *key, unsigned long long v)
{
	char b[32];

	if (key)
		name(key);
	else
		sep();
	snprintf(b, sizeof(b), "%llu", v);
	puts_raw(b);
}

void boolean(const char *key, int v)
{
	name(key);
	puts_raw(v ? "true" : "false");
}

void begin(const char *op)
{
	comma = 0;
	open_with(NULL, '{');
	str("op", op);
}

void end_line(void)
{
	close_with('}');
	put('\n');
	flush_out();
}

// result ends an action's object with how the system call went.
void result(long r)
{
	int e = r < 0 ? errno : 0;

	num("errno", e);
	if (e)
		str("error", strerror(e));
	end_line();
}

// ---- reading

char file[FILE_MAX];

ssize_t slurp_fd(int fd, char *buf, size_t size)
{
	size_t n = 0;

	while (n < size) {
		ssize_t r = read(fd, buf + n, size - n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -1;
		if (r == 0)
			break;
		n += (size_t)r;
	}
	return (ssize_t)n;
}

ssize_t slurp(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), e;
	ssize_t n;

	if (fd < 0)
		return -1;
	n = slurp_fd(fd, buf, size);
	e = errno;
	close(fd);
	errno = e;
	return n;
}

// text adds a small file's contents without the newline at its end; nothing when it cannot be read.
void text(const char *key, const char *path)
{
	ssize_t n = slurp(path, file, sizeof(file));

	if (n < 0)
		return;
	while (n > 0 && (file[n - 1] == '\n' || file[n - 1] == '\0'))
		n--;
	str_n(key, file, (size_t)n);
}

void link_target(const char *key, const char *path)
{
	char b[PATH_MAX];
	ssize_t n = readlink(path, b, sizeof(b));

	if (n >= 0)
		str_n(key, b, (size_t)n);
}

static const char *type_of(mode_t m)
{
	switch (m & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "dir";
	case S_IFLNK:
		return "link";
	case S_IFCHR:
		return "char";
	case S_IFBLK:
		return "block";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	}
	return "none"; // anonymous inodes
}

void stat_members(const struct stat *st)
{
	str("type", type_of(st->st_mode));
	num("mode", st->st_mode & 07777);
	num("uid", st->st_uid);
	num("gid", st->st_gid);
	num("size", st->st_size);
	num("ino", (long long)st->st_ino);
	unum("dev", st->st_dev);
	num("nlink", (long long)st->st_nlink);
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
		num("major", major(st->st_rdev));
		num("minor", minor(st->st_rdev));
	}
}
