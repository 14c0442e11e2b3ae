// refuse: runs a program for which one system call fails when an argument has some value, and for all its descendants:
// a kernel that is older than this one.
//
// Usage: refuse NR ARGUMENT VALUE ERRNO PROGRAM [ARGUMENT...]. ARGUMENT is 0 to 5, VALUE what its lower 32 bits are; or
// ARGUMENT is any: the call fails whatever its arguments are.
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
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

enum { LOAD_WORD = 0x20, JUMP_EQUAL = 0x15, RETURN = 0x06, FILTER_MODE = 2, ARGUMENTS = 16 };

static const uint32_t allow = 0x7fff0000, fail = 0x00050000;

static uint32_t number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 0);

	if (end == text || *end) {
		fprintf(stderr, "refuse: %s: no number\n", text);
		exit(2);
	}
	return (uint32_t)n;
}

int main(int argc, char **argv)
{
	if (argc < 6) {
		fprintf(stderr, "usage: refuse NR ARGUMENT VALUE ERRNO PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	int any = strcmp(argv[2], "any") == 0;
	uint32_t low = ARGUMENTS + 8 * (any ? 0 : number(argv[2])) + (BYTE_ORDER == BIG_ENDIAN ? 4 : 0);
	struct instruction f[] = {
		{ LOAD_WORD, 0, 0, 0 }, // seccomp_data.nr
		{ JUMP_EQUAL, any ? 2 : 0, 3, number(argv[1]) },
		{ LOAD_WORD, 0, 0, low },
		{ JUMP_EQUAL, 0, 1, number(argv[3]) },
		{ RETURN, 0, 0, fail | number(argv[4]) },
		{ RETURN, 0, 0, allow },
	};
	struct program prog = { sizeof(f) / sizeof(*f), f };

	if (prctl(PR_SET_SECCOMP, FILTER_MODE, &prog) < 0) {
		fprintf(stderr, "refuse: prctl PR_SET_SECCOMP: %s\n", strerror(errno));
		return 1;
	}
	execv(argv[5], argv + 5);
	fprintf(stderr, "refuse: %s: %s\n", argv[5], strerror(errno));
	return 1;
}
