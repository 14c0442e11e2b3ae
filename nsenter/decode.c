//go:build ignore

#include "decode.h"

#include <string.h>

enum { HEADER = 16, RECORD = 8, STRING = 8 };

static const struct op_shape shapes[OP_COUNT] = {OP_SHAPES};

static uint16_t u16_at(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

static uint32_t u32_at(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

static int decode_string(const uint8_t *rec, uint32_t size, uint32_t body, char type, const uint8_t *head,
			 struct op_string *s)
{
	uint32_t off = u32_at(head), len = u32_at(head + 4);

	/* offset, length and the closing NUL lie in the record, behind its headers */
	if (off < body || off >= size || len > size - off - 1 || rec[off + len] != 0)
		return -1;
	if (type == 's' && memchr(rec + off, 0, len) != NULL)
		return -1;
	if (type == 'l' && len > 0 && rec[off + len - 1] != 0)
		return -1;
	if (type == 'b' && off % 8 != 0)
		return -1;
	s->p = (const char *)rec + off;
	s->len = len;
	return 0;
}

static int decode_record(const uint8_t *rec, uint32_t avail, struct op *o, uint32_t *used)
{
	uint32_t size, body, nnum, nstr, i;
	uint16_t kind;

	if (avail < RECORD)
		return -1;
	memcpy(&kind, rec, sizeof kind);
	nnum = rec[2];
	nstr = rec[3];
	size = u32_at(rec + 4);
	if (kind == OP_NONE || kind >= OP_COUNT || size > avail || size % 8 != 0)
		return -1;
	if (nnum != shapes[kind].numbers || nstr != strlen(shapes[kind].strings))
		return -1;
	body = RECORD + 8 * nnum + STRING * nstr;
	if (size < body)
		return -1;
	memset(o, 0, sizeof *o);
	o->kind = kind;
	for (i = 0; i < nnum; i++)
		memcpy(&o->n[i], rec + RECORD + 8 * i, 8);
	for (i = 0; i < nstr; i++)
		if (decode_string(rec, size, body, shapes[kind].strings[i], rec + RECORD + 8 * nnum + STRING * i,
				  &o->s[i]) < 0)
			return -1;
	*used = size;
	return 0;
}

int program_check(const uint8_t *buf, size_t len, struct program *p)
{
	uint32_t at = HEADER, used, i, count;
	struct op o;

	if (len < HEADER || len > UINT32_MAX || u32_at(buf) != PROGRAM_MAGIC || u16_at(buf + 4) != PROGRAM_VERSION)
		return -1;
	if (u16_at(buf + 6) & ~PROGRAM_TIMED)
		return -1;
	count = u32_at(buf + 8);
	if (u32_at(buf + 12) != len)
		return -1;
	for (i = 0; i < count; i++) {
		if (decode_record(buf + at, (uint32_t)len - at, &o, &used) < 0)
			return -1;
		at += used;
	}
	if (at != len)
		return -1;
	p->base = buf;
	p->size = (uint32_t)len;
	p->count = count;
	p->flags = u16_at(buf + 6);
	return 0;
}

int program_next(const struct program *p, uint32_t *at, struct op *o)
{
	uint32_t used;

	if (*at == 0)
		*at = HEADER;
	if (*at >= p->size || decode_record(p->base + *at, p->size - *at, o, &used) < 0)
		return -1;
	*at += used;
	return 0;
}

const char *list_next(const struct op_string *list, const char *item)
{
	const char *end = list->p + list->len;

	item = item == NULL ? list->p : item + strlen(item) + 1;
	return item < end ? item : NULL;
}
