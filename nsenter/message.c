//go:build ignore

#include "init.h"

#include <string.h>
#include <sys/socket.h>

/* One datagram a message (SOCK_SEQPACKET), at most one descriptor with it. */
int try_send(const struct message *m, size_t size, int fd)
{
	struct iovec iov = {(void *)m, size};
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof control);
		h.msg_control = control.buf;
		h.msg_controllen = sizeof control.buf;
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof fd);
	}
	while (sendmsg(st.control, &h, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return -1;
	return 0;
}

/* A runtime that is gone ends the init: until the state is saved nobody else knows of it. */
void send_message(const struct message *m, size_t size, int fd)
{
	if (try_send(m, size, fd) < 0)
		_exit(1);
}

const char *number(char text[NUMBER_MAX], unsigned long n, unsigned int base)
{
	char digits[NUMBER_MAX];
	size_t have = 0;

	do
		digits[have++] = (char)('0' + n % base);
	while ((n /= base) > 0);
	for (size_t i = 0; i < have; i++)
		text[i] = digits[have - 1 - i];
	text[have] = '\0';
	return text;
}

void say(uint32_t type, int64_t arg, int fd)
{
	struct message m = {.type = type, .op = st.index, .arg = arg};

	send_message(&m, MESSAGE_HEADER, fd);
}

static void say_error(uint32_t type, uint32_t step, int err, const char *detail)
{
	struct message m = {.type = type, .op = st.index, .err = err, .step = step, .arg = st.kind};
	size_t n = strnlen(detail, DETAIL_MAX);

	memcpy(m.detail, detail, n);
	send_message(&m, MESSAGE_HEADER + n, -1);
}

void fail(uint32_t step, int err, const char *detail)
{
	clock_stamp();
	clock_stop();
	say_error(MSG_FAIL, step, err, detail);
	_exit(1);
}

void warn(uint32_t step, int err, const char *detail)
{
	say_error(MSG_WARN, step, err, detail);
}

/* Waits for the runtime; the end of the channel or MsgAbort ends the init. */
uint32_t hear(int *fd, struct message *m)
{
	struct message local;
	struct iovec iov;
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;
	ssize_t n;

	if (m == NULL)
		m = &local;
	iov.iov_base = m;
	iov.iov_len = sizeof *m;
	if (fd != NULL) {
		*fd = -1;
		h.msg_control = control.buf;
		h.msg_controllen = sizeof control.buf;
	}
	do
		n = recvmsg(st.control, &h, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < (ssize_t)MESSAGE_HEADER)
		_exit(1);
	if (fd != NULL && (c = CMSG_FIRSTHDR(&h)) != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		/* room for one is room for two, where alignment asks for it */
		for (size_t at = CMSG_LEN(0); at + sizeof *fd <= c->cmsg_len; at += sizeof *fd) {
			if (*fd >= 0)
				close(*fd);
			memcpy(fd, (const unsigned char *)c + at, sizeof *fd);
		}
	}
	return m->type;
}

void ask(uint32_t type, int64_t arg, int fd)
{
	clock_tell();
	say(type, arg, fd);
	if (hear(NULL, NULL) != MSG_GO)
		_exit(1);
}
