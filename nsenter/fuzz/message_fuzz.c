/*
 * libFuzzer driver for the control channel, on a real socket pair: what the runtime sends is heard as it was sent or ends
 * the init, whatever its length and however many descriptors come with it; what the init says has the shape that
 * libcontainer/internal/wire reads, whatever the words in it.
 *
 * An input is u8 flags, u8 descriptors, and the datagram (hear) or the detail of a failure (fail, warn).
 */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static jmp_buf over;

#define _exit(status) longjmp(over, 1 + (status))
#include "../clock.c"
#include "../message.c"

struct state st;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int ends[2];
static int least = -1; /* the lowest free descriptor: the same after each input, or one was lost */

/* Sends as the runtime would, with as many descriptors. */
static void send_as_runtime(const uint8_t *data, size_t size, int descriptors)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(4 * sizeof(int))];
	} control;
	struct iovec iov = {(void *)(uintptr_t)data, size};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};

	if (descriptors > 0) {
		int fds[4] = {ends[0], ends[0], ends[0], ends[0]};
		struct cmsghdr *c;

		memset(&control, 0, sizeof control);
		h.msg_control = control.buf;
		h.msg_controllen = CMSG_SPACE((size_t)descriptors * sizeof(int));
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN((size_t)descriptors * sizeof(int));
		memcpy(CMSG_DATA(c), fds, (size_t)descriptors * sizeof(int));
	}
	if (sendmsg(ends[0], &h, MSG_NOSIGNAL) != (ssize_t)size)
		abort();
}

static void hears(const uint8_t *data, size_t size, int descriptors, bool wants)
{
	struct message *m = malloc(sizeof *m);
	volatile int fd = -1;

	memset(m, 0, sizeof *m);
	send_as_runtime(data, size, descriptors);
	if (setjmp(over) == 0) {
		int got = -1;
		uint32_t type = hear(wants ? &got : NULL, m);

		fd = got;
		if (size < MESSAGE_HEADER || type != m->type)
			abort();
		if (memcmp(m, data, size < sizeof *m ? size : sizeof *m) != 0)
			abort();
		if (fd >= 0 && (!wants || descriptors == 0))
			abort();
	} else {
		if (size >= MESSAGE_HEADER)
			abort();
		for (int lost = least; least >= 0 && lost < least + 4; lost++)
			close(lost); /* as the end of the process would */
	}
	if (fd >= 0)
		close(fd);
	free(m);
}

static void says(const uint8_t *data, size_t size, bool fatal)
{
	char *detail = malloc(size + 1);
	struct message m;
	ssize_t n;

	memcpy(detail, data, size);
	detail[size] = '\0';
	st.index = (uint32_t)size;
	st.kind = 7;
	if (setjmp(over) == 0) {
		if (fatal)
			fail(STEP_OPEN, ENOENT, detail);
		warn(STEP_OPEN, ENOENT, detail);
	}
	memset(&m, 0, sizeof m);
	n = recv(ends[0], &m, sizeof m, MSG_DONTWAIT);
	if (n < (ssize_t)MESSAGE_HEADER || m.type != (fatal ? MSG_FAIL : MSG_WARN) || m.op != size || m.err != ENOENT || m.arg != 7)
		abort();
	if ((size_t)n - MESSAGE_HEADER != strnlen(detail, DETAIL_MAX) || memcmp(m.detail, detail, (size_t)n - MESSAGE_HEADER) != 0)
		abort();
	free(detail);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int probe;

	if (size < 2 || size > 60000)
		return 0;
	if (least < 0) {
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
			return 0;
		least = dup(ends[0]);
		close(least);
	}
	st.control = ends[1];
	if (data[0] & 1)
		says(data + 2, size - 2, (data[0] & 2) != 0);
	else if (size > 2) /* an empty datagram cannot be told from the end */
		hears(data + 2, size - 2, data[1] % 4, (data[0] & 2) != 0);
	probe = dup(ends[0]);
	if (probe != least)
		abort();
	close(probe);
	return 0;
}
