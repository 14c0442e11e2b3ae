// probe: says, from inside a container, what the container really has.
//
// The one program in the root file systems of the integration tests. Its arguments are actions, done in order; each
// prints one JSON object on a line of its own: {"op":NAME, ..., "errno":N}. Without arguments it does --report. The
// process ends with status 0 after the last action, unless --exit says otherwise.
//
// It is static, allocates nothing, and starts no thread: it works with a memory limit of 1 MiB and pids.max of 1. It
// includes no <linux/...> header, so that musl-gcc can build it as it comes.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

int main(int argc, char **argv, char **envp)
{
	int i = 1;

	if (argc < 2)
		report(argc, argv, envp);
#define NEXT (i < argc ? argv[i++] : (die("an argument is missing"), (char *)""))
	while (i < argc) {
		const char *a = argv[i++];

		if (!strcmp(a, "--report")) {
			report(argc, argv, envp);
		} else if (!strcmp(a, "--read")) {
			do_read(NEXT);
		} else if (!strcmp(a, "--stat")) {
			do_stat(NEXT, 1);
		} else if (!strcmp(a, "--lstat")) {
			do_stat(NEXT, 0);
		} else if (!strcmp(a, "--ls")) {
			const char *path = NEXT;
			int r = access(path, R_OK), e = errno;

			begin("ls");
			str("path", path);
			list_dir("entries", path);
			errno = e;
			result(r);
		} else if (!strcmp(a, "--write")) {
			const char *path = NEXT;
			do_write("write", path, 0, NEXT);
		} else if (!strcmp(a, "--create")) {
			const char *path = NEXT;
			do_write("create", path, O_CREAT | O_EXCL, NEXT);
		} else if (!strcmp(a, "--append")) {
			const char *path = NEXT;
			do_write("append", path, O_CREAT | O_APPEND, NEXT);
		} else if (!strcmp(a, "--open")) {
			const char *path = NEXT;
			do_open(path, NEXT);
		} else if (!strcmp(a, "--access")) {
			const char *path = NEXT, *how = NEXT;
			int r = access(path, (strchr(how, 'r') ? R_OK : 0) | (strchr(how, 'w') ? W_OK : 0) |
						     (strchr(how, 'x') ? X_OK : 0));
			begin("access");
			str("path", path);
			result(r);
		} else if (!strcmp(a, "--mkdir")) {
			const char *path = NEXT;
			int r = mkdir(path, 0755);
			begin("mkdir");
			str("path", path);
			result(r);
		} else if (!strcmp(a, "--rmdir")) {
			const char *path = NEXT;
			int r = rmdir(path);
			begin("rmdir");
			str("path", path);
			result(r);
		} else if (!strcmp(a, "--unlink")) {
			const char *path = NEXT;
			int r = unlink(path);
			begin("unlink");
			str("path", path);
			result(r);
		} else if (!strcmp(a, "--chown")) {
			const char *path = NEXT;
			uid_t u = (uid_t)strtoul(NEXT, NULL, 10);
			gid_t g = (gid_t)strtoul(NEXT, NULL, 10);
			int r = chown(path, u, g);
			begin("chown");
			str("path", path);
			result(r);
		} else if (!strcmp(a, "--chmod")) {
			const char *path = NEXT;
			int r = chmod(path, (mode_t)strtoul(NEXT, NULL, 8));
			begin("chmod");
			str("path", path);
			result(r);
		} else if (!strcmp(a, "--mknod")) { // PATH c|b|p MAJOR MINOR
			const char *path = NEXT, *type = NEXT;
			unsigned int ma = (unsigned int)atoi(NEXT), mi = (unsigned int)atoi(NEXT);
			mode_t m = *type == 'c' ? S_IFCHR : *type == 'b' ? S_IFBLK : S_IFIFO;
			int r = mknod(path, m | 0600, makedev(ma, mi));
			begin("mknod");
			str("path", path);
			result(r);
		} else if (!strcmp(a, "--mount")) { // SOURCE TARGET TYPE FLAGS
			const char *src = NEXT, *dst = NEXT, *type = NEXT;
			int r = mount(src, dst, type, strtoul(NEXT, NULL, 0), NULL);
			begin("mount");
			str("path", dst);
			result(r);
		} else if (!strcmp(a, "--umount")) {
			const char *path = NEXT;
			int r = umount2(path, MNT_DETACH);
			begin("umount");
			str("path", path);
			result(r);
		} else if (!strcmp(a, "--unshare")) { // flags of unshare(2), a number
			int r = unshare((int)strtoul(NEXT, NULL, 0));
			begin("unshare");
			result(r);
		} else if (!strcmp(a, "--setns")) {
			int fd = open(NEXT, O_RDONLY | O_CLOEXEC);
			int r = setns(fd, 0);
			begin("setns");
			result(r);
		} else if (!strcmp(a, "--sethostname")) {
			const char *h = NEXT;
			int r = sethostname(h, strlen(h));
			begin("sethostname");
			result(r);
		} else if (!strcmp(a, "--chdir")) {
			int r = chdir(NEXT);
			begin("chdir");
			result(r);
		} else if (!strcmp(a, "--chroot")) {
			int r = chroot(NEXT);
			begin("chroot");
			result(r);
		} else if (!strcmp(a, "--setuid")) {
			int r = setuid((uid_t)strtoul(NEXT, NULL, 10));
			begin("setuid");
			result(r);
		} else if (!strcmp(a, "--xattr")) {
			const char *path = NEXT;
			do_xattr(path, NEXT);
		} else if (!strcmp(a, "--syscall")) { // NR[,ARG]...
			do_syscall(NEXT);
		} else if (!strcmp(a, "--fill-memory")) {
			do_fill(atoll(NEXT));
		} else if (!strcmp(a, "--fork")) { // how many children at once; all are gone afterwards
			do_fork(atoi(NEXT));
		} else if (!strcmp(a, "--burn")) { // milliseconds of processor time
			do_burn(atoll(NEXT));
		} else if (!strcmp(a, "--disk")) { // PATH BYTES
			const char *path = NEXT;
			do_disk(path, atoll(NEXT));
		} else if (!strcmp(a, "--child")) { // a child that stays until it is killed, deaf to all else
			pid_t p = fork();
			if (p == 0) {
				sigset_t all;
				sigfillset(&all);
				sigprocmask(SIG_BLOCK, &all, NULL);
				for (;;)
					pause();
			}
			begin("child");
			num("pid", p);
			result(p);
		} else if (!strcmp(a, "--daemon")) { // a child that stays until a signal ends it
			pid_t p = fork();
			if (p == 0) {
				setsid();
				for (;;)
					pause();
			}
			begin("child");
			num("pid", p);
			result(p);
		} else if (!strcmp(a, "--cgroup-child")) { // a child as --daemon's, moved to the cgroup DIR
			const char *dir = NEXT;
			pid_t p = fork();
			char path[PATH_MAX], id[24];
			if (p == 0)
				for (;;)
					pause();
			snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
			snprintf(id, sizeof(id), "%d", p);
			do_write("cgroup-child", path, 0, id);
		} else if (!strcmp(a, "--ignore")) { // ignore the signal from here on
			int sig = atoi(NEXT);
			signal(sig, SIG_IGN);
		} else if (!strcmp(a, "--wait-signal")) {
			do_wait();
		} else if (!strcmp(a, "--until-term")) { // as --wait-signal, until it is SIGTERM
			while (do_wait() != SIGTERM)
				;
		} else if (!strcmp(a, "--winch")) { // the terminal's size after each SIGWINCH, until SIGTERM
			while (do_wait() == SIGWINCH) {
				struct winsize ws = { 0 };
				int r = ioctl(0, TIOCGWINSZ, &ws);
				begin("winsize");
				num("rows", ws.ws_row);
				num("cols", ws.ws_col);
				result(r);
			}
		} else if (!strcmp(a, "--sleep")) { // until a signal ends it
			begin("sleep");
			num("pid", getpid());
			result(0);
			for (;;)
				pause();
		} else if (!strcmp(a, "--stdin")) {
			ssize_t n = slurp_fd(0, file, sizeof(file));
			begin("stdin");
			if (n >= 0)
				str_n("data", file, (size_t)n);
			result(n);
		} else if (!strcmp(a, "--line")) { // one line of standard input
			ssize_t n = 0, r = 1;
			while (n < (ssize_t)sizeof(file) && (r = read(0, file + n, 1)) == 1 && file[n++] != '\n')
				;
			begin("line");
			str_n("data", file, (size_t)n);
			result(r);
		} else if (!strcmp(a, "--read-fd")) {
			int fd = atoi(NEXT);
			ssize_t n = read(fd, file, sizeof(file));
			begin("read-fd");
			num("fd", fd);
			if (n >= 0)
				str_n("data", file, (size_t)n);
			result(n);
		} else if (!strcmp(a, "--write-fd")) {
			int fd = atoi(NEXT);
			const char *data = NEXT;
			ssize_t n = write(fd, data, strlen(data));
			begin("write-fd");
			num("fd", fd);
			result(n);
		} else if (!strcmp(a, "--fd-open")) { // FD PATH: a file that stays open
			int fd = atoi(NEXT);
			keep("fd-open", open(NEXT, O_RDWR | O_CREAT, 0666), fd);
		} else if (!strcmp(a, "--fd-lock")) { // flock(2) of an open file
			int r = flock(atoi(NEXT), LOCK_EX | LOCK_NB), e = errno;
			begin("fd-lock");
			errno = e;
			result(r);
		} else if (!strcmp(a, "--fd-dgram")) { // FD PATH
			int fd = atoi(NEXT);
			do_fd_dgram(fd, NEXT);
		} else if (!strcmp(a, "--fd-tcp")) {
			do_fd_tcp(atoi(NEXT), 1);
		} else if (!strcmp(a, "--fd-tcp-waiting")) { // as --fd-tcp, and never accepted
			do_fd_tcp(atoi(NEXT), 0);
		} else if (!strcmp(a, "--memory")) { // new|change|sum BYTES
			const char *what = NEXT;
			do_memory(what, (size_t)atoll(NEXT));
		} else if (!strcmp(a, "--link")) { // OLD NEW
			const char *old = NEXT;
			int r = link(old, NEXT), e = errno;
			begin("link");
			str("path", old);
			errno = e;
			result(r);
		} else if (!strcmp(a, "--out")) { // output goes to the end of this file from here on
			const char *path = NEXT;
			int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
			if (fd < 0)
				die(strerror(errno));
			if (fd != 1) {
				dup2(fd, 1);
				close(fd);
			}
		} else if (!strcmp(a, "--echo")) { // plain text to standard output
			puts_raw(NEXT);
			put('\n');
			flush_out();
		} else if (!strcmp(a, "--stderr")) {
			const char *s = NEXT;
			if (write(2, s, strlen(s)) < 0 || write(2, "\n", 1) < 0)
				_exit(124);
		} else if (!strcmp(a, "--notify")) {
			do_notify(NEXT);
		} else if (!strcmp(a, "--serve")) {
			do_serve(atoi(NEXT));
		} else if (!strcmp(a, "--connect")) {
			do_connect(atoi(NEXT));
		} else if (!strcmp(a, "--bind")) {
			do_bind(atoi(NEXT));
		} else if (!strcmp(a, "--abstract")) {
			do_abstract(NEXT);
		} else if (!strcmp(a, "--kill")) { // PID SIGNAL
			int pid = atoi(NEXT), r = kill(pid, atoi(NEXT)), e = errno;

			begin("kill");
			num("pid", pid);
			errno = e;
			result(r);
		} else if (!strcmp(a, "--core-cookie")) { // of core scheduling; 0 is none
			unsigned long long cookie = 0;
			int r = prctl(62 /* PR_SCHED_CORE */, 0 /* GET */, 0, 0, &cookie), e = errno;
			char b[32];

			snprintf(b, sizeof(b), "%llu", cookie);
			begin("core-cookie");
			str("data", b);
			errno = e;
			result(r);
		} else if (!strcmp(a, "--raise")) {
			int sig = atoi(NEXT);
			signal(sig, SIG_DFL);
			raise(sig);
		} else if (!strcmp(a, "--exec")) { // the rest is a command
			int e;
			execv(argv[i], argv + i);
			e = errno;
			begin("exec");
			errno = e;
			result(-1);
			_exit(e == ENOENT ? 127 : 126);
		} else if (!strcmp(a, "--exit")) {
			_exit(atoi(NEXT));
		} else {
			die(a);
		}
	}
	return 0;
}
