/* The program's decoder: a pure function over bytes, which a fuzzer can call. */
#ifndef RUNG_DECODE_H
#define RUNG_DECODE_H

#include <stddef.h>
#include <stdint.h>

#include "ops.h"

struct op_string {
	const char *p; /* NUL-terminated, inside the program */
	uint32_t len;  /* without that NUL */
};

struct op {
	uint16_t kind;
	uint64_t n[OP_MAX_NUMBERS];
	struct op_string s[OP_MAX_STRINGS];
};

struct program {
	const uint8_t *base;
	uint32_t size;
	uint32_t count;
	uint16_t flags; /* PROGRAM_* */
};

/* Checks the whole program: header, every record's bounds and shape. 0, or -1 when anything is off. */
int program_check(const uint8_t *buf, size_t len, struct program *p);

/* Reads the record at offset *at of a checked program and moves *at to the next. 0, or -1 at the end. */
int program_next(const struct program *p, uint32_t *at, struct op *o);

/* Steps through a list field: *item is NULL before the first. NULL after the last. */
const char *list_next(const struct op_string *list, const char *item);

#endif
