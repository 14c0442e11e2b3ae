/* The one text format that the init reads: a pure function, for the fuzzer's sake. */
#ifndef RUNG_PASSWD_H
#define RUNG_PASSWD_H

#include <stdbool.h>
#include <stddef.h>

enum passwd_result { PASSWD_NONE, PASSWD_FOUND, PASSWD_NO_HOME };

/*
 * Copies the home directory of the first user with this id from passwd(5) text between p and end into home, which
 * holds size bytes. PASSWD_NONE when no line has the id; PASSWD_NO_HOME when the line has no home that fits. The text is
 * the image's: every byte may be hostile.
 */
enum passwd_result passwd_home(const char *p, const char *end, unsigned long uid, char *home, size_t size);

#endif
