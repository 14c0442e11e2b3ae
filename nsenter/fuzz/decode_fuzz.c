/* libFuzzer driver for the decoder: whatever bytes come, every string of every op lies inside them. */
#include "../decode.c"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a program is mapped memory: aligned, and exactly as long as it says */
	uint8_t *buf = malloc(size);
	struct program p;
	uint32_t at = 0, ops = 0;
	struct op o;

	if (buf == NULL)
		return 0;
	memcpy(buf, data, size);
	if (program_check(buf, size, &p) == 0) {
		while (program_next(&p, &at, &o) == 0) {
			ops++;
			for (size_t i = 0; i < strlen(shapes[o.kind].strings); i++) {
				const char *item = NULL;
				size_t n = 0;

				if ((const uint8_t *)o.s[i].p < buf || (const uint8_t *)o.s[i].p + o.s[i].len >= buf + size ||
				    o.s[i].p[o.s[i].len] != 0)
					abort();
				if (shapes[o.kind].strings[i] == 's' && strlen(o.s[i].p) != o.s[i].len)
					abort();
				if (shapes[o.kind].strings[i] == 'l')
					while ((item = list_next(&o.s[i], item)) != NULL)
						n += strlen(item) + 1;
				if (shapes[o.kind].strings[i] == 'l' && n != o.s[i].len)
					abort();
			}
		}
		if (ops != p.count)
			abort();
	}
	free(buf);
	return 0;
}
