/* libFuzzer driver for the passwd reader: what it finds is a NUL-free string that fits. */
#include "../passwd.c"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char home[64], *copy = malloc(size + 1);
	unsigned long uid = size > 0 ? data[0] % 3 : 0;

	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	memset(home, 'x', sizeof home);
	if (passwd_home(copy, copy + size, uid, home, sizeof home) == PASSWD_FOUND) {
		if (memchr(home, 0, sizeof home) == NULL || home[0] == '\0')
			abort();
	}
	free(copy);
	return 0;
}
