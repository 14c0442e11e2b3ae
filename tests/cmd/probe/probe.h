// What the parts of the probe share.
#ifndef PROBE_H
#define PROBE_H

#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

// output.c
enum { FILE_MAX = 1 << 18 };
extern char file[FILE_MAX]; // touched only as far as used
void flush_out(void);
void put(char c);
void puts_raw(const char *s);
void open_with(const char *key, char bracket);
void close_with(char bracket);
void str_n(const char *key, const char *s, size_t n);
void str(const char *key, const char *s);
void num(const char *key, long long v);
void unum(const char *key, unsigned long long v);
void boolean(const char *key, int v);
void begin(const char *op);
void end_line(void);
void result(long r);
ssize_t slurp_fd(int fd, char *buf, size_t size);
ssize_t slurp(const char *path, char *buf, size_t size);
void text(const char *key, const char *path);
void link_target(const char *key, const char *path);
void stat_members(const struct stat *st);

// report.c
void list_dir(const char *key, const char *path);
char *next_word(char **p, char at);
void report(int argc, char **argv, char **envp);

// actions.c
void do_stat(const char *path, int follow);
void do_write(const char *op, const char *path, int flags, const char *data);
void do_read(const char *path);
void do_open(const char *path, const char *mode);
void do_syscall(const char *spec);
void do_fork(int want);
void do_burn(long long ms);
void do_disk(const char *path, long long bytes);
int do_wait(void);
void do_serve(int port);
void do_connect(int port);
void do_bind(int port);
void do_abstract(const char *socket_name);
void do_notify(const char *state);
void do_fill(long long n);
void die(const char *what);
void keep(const char *op, int fd, int number);
void do_fd_dgram(int number, const char *path);
void do_fd_tcp(int number, int accepted);
void do_memory(const char *what, size_t n);
void do_xattr(const char *path, const char *attr);

#endif
