/*
 * libFuzzer driver for the whole init program: any list of ops, in any order, with any numbers and strings, on a kernel
 * (kernel.h) of which every call may fail, and every answer may be hostile. None of it may read or write what is not
 * its own, or break the rules that kernel.h holds it to.
 *
 * An input is u16 n (its highest bit: the program is timed), n bytes of the kernel's script, and ops: u8 kind, its numbers as u64, its strings as u16 length and
 * bytes. A program is made of them, so that the fuzzer need not invent headers; what the decoder does with other bytes
 * is decode_fuzz.c's.
 */
#include "kernel.h"

#include "../clock.c"
#include "../decode.c"
#include "../landlock.c"
#include "../main.c"
#include "../message.c"
#include "../mount.c"
#include "../namespace.c"
#include "../node.c"
#include "../passwd.c"
#include "../path.c"
#include "../process.c"
#include "../root.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes {
	const uint8_t *p;
	size_t n;
};

static uint64_t take(struct bytes *in, size_t width)
{
	uint64_t v = 0;

	if (width > in->n)
		width = in->n;
	if (width > 0)
		memcpy(&v, in->p, width);
	in->p += width;
	in->n -= width;
	return v;
}

/* The program, as libcontainer/internal/plan would encode it. */
static uint8_t *assemble(struct bytes in, bool timed, size_t *size)
{
	static uint8_t buf[1 << 20]; /* zero between two uses */
	uint32_t at = HEADER, count = 0;
	uint8_t *exact;

	/* 65535 bytes of input and one record's numbers are the most that an op can add */
	while (in.n > 0 && at < sizeof buf - (1 << 17)) {
		uint8_t kind = (uint8_t)(1 + take(&in, 1) % (OP_COUNT - 1));
		const struct op_shape *s = &shapes[kind];
		uint32_t nstr = (uint32_t)strlen(s->strings), start = at;
		uint8_t *rec = buf + at;

		rec[0] = kind;
		rec[2] = s->numbers;
		rec[3] = (uint8_t)nstr;
		at += RECORD;
		for (uint32_t i = 0; i < s->numbers; i++, at += 8) {
			uint64_t v = take(&in, 8);

			memcpy(buf + at, &v, 8);
		}
		at += STRING * nstr;
		for (uint32_t i = 0; i < nstr; i++) {
			uint32_t len = (uint32_t)take(&in, 2), off;

			if (len > in.n)
				len = (uint32_t)in.n;
			if (s->strings[i] == 'b')
				at = (at + 7) & ~7u;
			off = at - start;
			if (len > 0)
				memcpy(buf + at, in.p, len);
			in.p += len;
			in.n -= len;
			for (uint32_t j = 0; s->strings[i] == 's' && j < len; j++)
				if (buf[at + j] == 0)
					buf[at + j] = '0';
			if (s->strings[i] == 'l' && len > 0)
				buf[at + len - 1] = 0;
			at += len;
			buf[at++] = 0;
			memcpy(rec + RECORD + 8 * s->numbers + STRING * i, &off, 4);
			memcpy(rec + RECORD + 8 * s->numbers + STRING * i + 4, &len, 4);
		}
		at = (at + 7) & ~7u;
		memcpy(rec + 4, &(uint32_t){at - start}, 4);
		count++;
	}
	memcpy(buf, &(uint32_t[]){PROGRAM_MAGIC, PROGRAM_VERSION | (timed ? PROGRAM_TIMED << 16 : 0), count, at}, HEADER);
	exact = aligned_alloc(8, at);
	memcpy(exact, buf, at);
	memset(buf, 0, at);
	*size = at;
	return exact;
}

/* What an op opened it has closed, or it is one of those that the init keeps. */
static void settle(void)
{
	if (k.op == OP_SECCOMP) /* a listener that nobody asked for stays, close-on-exec: close(2) may be what it notifies of */
		k.news = 0;
	if (st.inside && st.proc >= 0)
		broken("the host's procfs is still there");
	for (int i = 0; i < k.news; i++) {
		int fd = k.opened[i];

		for (int kind = 0; kind < KINDS; kind++)
			if ((st.kept & kinds[kind].type) && fd == st.namespaces[kind])
				fd = st.control;
		if (k.fd[fd].place != CLOSED && fd != st.root && fd != st.proc && fd != st.mask_dir && fd != st.dev_null &&
		    fd != st.landlock && fd != st.made && fd != st.listener && fd != st.held_proc && fd != st.held_sys && fd != st.control) {
			fprintf(stderr, "descriptor %d\n", fd);
			broken("a descriptor is forgotten");
		}
	}
	k.news = 0;
}

static void run(const uint8_t *program, size_t size)
{
	struct program p;
	uint32_t at = 0;
	struct op o;

	if (program_check(program, size, &p) < 0)
		broken("the decoder refuses what the encoder makes");
	if (p.flags & PROGRAM_TIMED)
		clock_start(p.count);
	for (st.index = 0; program_next(&p, &at, &o) == 0; st.index++) {
		k.op = o.kind;
		k.index = st.index;
		run_op(&o);
		if (st.times != NULL)
			clock_stamp();
		settle();
	}
	if (st.index != p.count)
		broken("an op is left out");
	clock_stop();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct state fresh = {
	    .control = FD_CONTROL, .root = -1, .proc = -1, .mask_dir = -1, .dev_null = -1, .landlock = -1, .made = -1, .listener = -1,
	    .held_proc = -1, .held_sys = -1};
	struct bytes in = {data, size};
	size_t script = take(&in, 2), len;
	bool timed = script >> 15;
	uint8_t *program, *answers;

	script &= 0x7fff;
	if (script > in.n)
		script = in.n;
	answers = malloc(script + 1);
	memcpy(answers, in.p, script);
	in.p += script;
	in.n -= script;
	program = assemble(in, timed, &len);

	memset(&k, 0, sizeof k);
	k.at = answers;
	k.end = answers + script;
	for (int fd = 0; fd < 3; fd++)
		k.fd[fd] = (struct file){.place = OTHER, .inherited = true, .mode = S_IFIFO | 0600};
	k.fd[CONTROL] = (struct file){.place = CHANNEL, .inherited = true, .mode = S_IFSOCK};
	k.fd[GATE] = (struct file){.place = LISTENER, .inherited = true, .mode = S_IFSOCK};
	for (int fd = FIRST_HANDED; fd <= LAST_HANDED; fd++)
		k.fd[fd] = (struct file){.place = ROOT, .inherited = true, .mode = S_IFDIR | 0755};
	st = fresh;
	exec_argv = exec_env = NULL;
	if (setjmp(k.over) == 0)
		run(program, len);
	for (int i = 0; i < k.maps; i++)
		free(k.map[i]);
	free(program);
	free(answers);
	return 0;
}
