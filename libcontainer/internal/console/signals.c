#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

static int to = -1;

/* Runs on whichever thread the kernel picks, on the stack that Go gives to handlers. */
static void hand_on(int sig)
{
	int saved = errno;
	unsigned char number = (unsigned char)sig;

	if (write(to, &number, 1) < 0) {
		/* full: so many wait that one more tells nothing new */
	}
	errno = saved;
}

int rung_catch(int fd, const unsigned char *signals, int count)
{
	struct sigaction act = {.sa_handler = hand_on, .sa_flags = SA_ONSTACK | SA_RESTART};

	to = fd;
	sigfillset(&act.sa_mask);
	for (int i = 0; i < count; i++)
		if (sigaction(signals[i], &act, NULL) < 0)
			return errno;
	return 0;
}
