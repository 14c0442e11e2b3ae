//go:build ignore

/*
 * When each op ended, for whoever traces the runtime. The times are kept in memory and told before anything that is not
 * rung's could run or meddle: before each wait, before the filter, before execve, and with a failure.
 */
#include "init.h"

#include <string.h>
#include <sys/mman.h>
#include <time.h>

static uint64_t epoch; /* CLOCK_REALTIME less CLOCK_MONOTONIC, in the host's time namespace */
static uint64_t skew;  /* what this time namespace adds to the host's CLOCK_MONOTONIC */

static uint64_t now(clockid_t clock)
{
	struct {
		long sec, nsec;
	} t = {0, 0};

	syscall(SYS_clock_gettime, clock, &t);
	return (uint64_t)t.sec * 1000000000U + (uint64_t)t.nsec;
}

void clock_start(uint32_t ops)
{
	/* one more: what fails behind the last op has a time, too */
	uint64_t *times = mmap(NULL, (ops + (size_t)1) * sizeof *times, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (times == MAP_FAILED)
		return;
	st.times = times;
	st.begun = now(CLOCK_MONOTONIC);
	epoch = now(CLOCK_REALTIME) - st.begun;
}

void clock_stamp(void)
{
	uint64_t t;

	if (st.times == NULL)
		return;
	t = now(CLOCK_MONOTONIC);
	/* these may have led into another time namespace; the real time is the same in all (time_namespaces(7)) */
	if (st.kind == OP_SETNS || st.kind == OP_FORK)
		skew = t + epoch - now(CLOCK_REALTIME);
	st.times[st.index] = t - skew;
}

static void tell(uint32_t until)
{
	struct message m = {.type = MSG_TIMES};
	uint32_t n;

	for (; st.told < until; st.told += n) {
		n = until - st.told;
		if (n > DETAIL_MAX / sizeof *st.times)
			n = DETAIL_MAX / sizeof *st.times;
		m.op = st.told;
		m.arg = (int64_t)(st.told > 0 ? st.times[st.told - 1] : st.begun);
		memcpy(m.detail, st.times + st.told, n * sizeof *st.times);
		send_message(&m, MESSAGE_HEADER + n * sizeof *st.times, -1);
	}
}

/* Tells of the ops that have ended. */
void clock_tell(void)
{
	if (st.times != NULL)
		tell(st.index);
}

/* Tells what is left, and ends it: of the op under way when it has a time, that is when it failed. */
void clock_stop(void)
{
	if (st.times == NULL)
		return;
	tell(st.times[st.index] != 0 ? st.index + 1 : st.index);
	st.times = NULL;
}
