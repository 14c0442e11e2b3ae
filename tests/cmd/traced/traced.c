// traced: runs a program whose system calls of some numbers, and those of all its descendants, stop for a tracer.
//
// Usage: traced NR[,NR...] PROGRAM [ARGUMENT...]. The filter answers SECCOMP_RET_TRACE; without a tracer such a call
// fails with ENOSYS (seccomp(2)), so the tracer has to stay until the last descendant has ended.
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// As in <linux/filter.h> and <linux/seccomp.h>, which musl-gcc does not find.
struct instruction {
	uint16_t code;
	uint8_t yes, no;
	uint32_t k;
};

struct program {
	unsigned short len;
	struct instruction *filter;
};

enum { LOAD_WORD = 0x20, JUMP_EQUAL = 0x15, RETURN = 0x06 };
enum { MAX_CALLS = 128, FILTER_MODE = 2 };

static const uint32_t allow = 0x7fff0000, trace = 0x7ff00000;

int main(int argc, char **argv)
{
	struct instruction f[2 + 2 * MAX_CALLS] = { { LOAD_WORD, 0, 0, 0 } }; // seccomp_data.nr
	unsigned short n = 1;

	if (argc < 3) {
		fprintf(stderr, "usage: traced NR[,NR...] PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	for (char *p = argv[1]; *p;) {
		char *end;
		unsigned long nr = strtoul(p, &end, 10);
		if (end == p || n + 3 > 2 + 2 * MAX_CALLS) {
			fprintf(stderr, "traced: %s: no number, or too many\n", p);
			return 2;
		}
		f[n++] = (struct instruction){ JUMP_EQUAL, 0, 1, (uint32_t)nr };
		f[n++] = (struct instruction){ RETURN, 0, 0, trace };
		p = *end ? end + 1 : end;
	}
	f[n++] = (struct instruction){ RETURN, 0, 0, allow };
	struct program prog = { n, f };
	if (prctl(PR_SET_SECCOMP, FILTER_MODE, &prog) < 0) {
		fprintf(stderr, "traced: prctl PR_SET_SECCOMP: %s\n", strerror(errno));
		return 1;
	}
	execv(argv[2], argv + 2);
	fprintf(stderr, "traced: %s: %s\n", argv[2], strerror(errno));
	return 1;
}
