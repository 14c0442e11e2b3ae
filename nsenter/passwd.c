//go:build ignore

#include "passwd.h"

#include <string.h>

enum passwd_result passwd_home(const char *p, const char *end, unsigned long uid, char *home, size_t size)
{
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p)), *field[7];
		const char *q = p, *stop = nl ? nl : end;
		int n = 0;
		unsigned long have = 0;

		field[n++] = q;
		for (; q < stop && n < 7; q++)
			if (*q == ':')
				field[n++] = q + 1;
		p = stop + 1;
		if (n < 7 || field[3] - field[2] < 2 || field[3] - field[2] > 11)
			continue;
		for (q = field[2]; q < field[3] - 1 && *q >= '0' && *q <= '9'; q++)
			have = have * 10 + (unsigned long)(*q - '0');
		if (q != field[3] - 1 || have != uid)
			continue;
		n = (int)(field[6] - 1 - field[5]);
		if (n <= 0 || (size_t)n >= size || memchr(field[5], '\0', (size_t)n) != NULL)
			return PASSWD_NO_HOME;
		memcpy(home, field[5], (size_t)n);
		home[n] = '\0';
		return PASSWD_FOUND;
	}
	return PASSWD_NONE;
}
