/* The calls that the init makes by number. */
static int k_sigaction(const void *act, void *old)
{
	touch(act, sizeof(struct sigaction));
	if (old != NULL)
		memset(old, 0, sizeof(struct sigaction));
	return simple();
}

static int k_open_tree(int dir, const char *path, unsigned int flags)
{
	mode_t mode;
	dev_t rdev;

	closes_on_exec(flags);
	if (*path != '\0')
		host_path(path);
	else if (!(flags & AT_EMPTY_PATH))
		broken("open_tree(2) of nothing");
	if ((dir != AT_FDCWD && bad_fd(dir)) || refuse())
		return -1;
	if (*path == '\0' && dir != AT_FDCWD) {
		mode = k.fd[dir].mode;
		rdev = k.fd[dir].rdev;
	} else {
		kind_of(path, false, &mode, &rdev);
	}
	return new_fd(ROOT, mode, rdev);
}

static long k_clone(int *pidfd)
{
	touch(pidfd, sizeof *pidfd);
	if (refuse())
		return -1;
	if (next() % 4 == 1) {
		*pidfd = new_fd(OTHER, S_IFREG, 0);
		return 1234; /* the caller's part */
	}
	return 0;
}

static long k_keyctl(int what, char *buf, size_t n)
{
	switch (what) {
	case KEYCTL_JOIN_SESSION_KEYRING:
		touch_string(buf);
		return refuse() ? -1 : 77;
	case KEYCTL_DESCRIBE:
		memset(buf, 0x5a, n);
		if (refuse())
			return -1;
		if (next() == 0) {
			strcpy(buf, "keyring;0;0;3f010000;_ses");
			return (long)strlen(buf) + 1;
		}
		return (long)content(buf, n) + next() % 2; /* it says how much there would be */
	}
	return simple();
}

static long k_syscall(long number, ...)
{
	uintptr_t a[6];
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, uintptr_t); /* as the C library's syscall(2) does; an int's upper half is not looked at */
	va_end(ap);
	switch (number) {
	case SYS_openat2:
		return k_openat2((int)a[0], (const char *)a[1], (const struct open_how_v0 *)a[2], a[3]);
	case SYS_open_tree:
		return k_open_tree((int)a[0], (const char *)a[1], (unsigned int)a[2]);
	case SYS_move_mount:
		if (*(const char *)a[1] != '\0' || *(const char *)a[3] != '\0')
			broken("move_mount(2) by a name");
		return bad_fd((int)a[0]) ? -1 : on_fd((int)a[2]);
	case SYS_mount_setattr:
		if (*(const char *)a[1] != '\0')
			broken("mount_setattr(2) by a name");
		touch((const void *)a[3], a[4]);
		return on_fd((int)a[0]);
	case SYS_fsopen:
		touch_string((const char *)a[0]);
		return refuse() ? -1 : new_fd(OTHER, 0, 0);
	case SYS_fsconfig:
		touch_string((const char *)a[2]);
		touch_string((const char *)a[3]);
		if (a[1] == FSCONFIG_SET_FD_ && bad_fd((int)a[4]))
			return -1;
		return on_fd((int)a[0]);
	case SYS_fsmount:
		return bad_fd((int)a[0]) || refuse() ? -1 : new_fd(FRESH, S_IFDIR | 0755, 0);
	case SYS_getdents64:
		return k_getdents((int)a[0], (char *)a[1], a[2]);
	case SYS_getcwd:
		return k_getcwd((char *)a[0], a[1]);
	case SYS_pivot_root:
		if (strcmp((const char *)a[0], ".") != 0 || strcmp((const char *)a[1], ".") != 0)
			broken("pivot_root(2) by a name");
		return simple();
	case SYS_clone:
		return k_clone((int *)a[2]);
	case SYS_rt_sigaction:
		touch((const void *)a[1], 24 + a[3]);
		return simple();
	case SYS_rt_sigprocmask:
		touch((const void *)a[1], a[3]);
		return simple();
	case SYS_prlimit64:
		touch((const void *)a[2], sizeof(struct rlimit));
		return simple();
	case SYS_sched_setaffinity:
		touch((const void *)a[2], (unsigned int)a[1]);
		return simple();
	case SYS_set_mempolicy:
		if (a[1] != 0)
			touch((const void *)a[1], (a[2] - 1 + 63) / 64 * 8);
		return simple();
	case SYS_setgroups:
		touch((const void *)a[1], 4 * (size_t)(int)a[0]);
		return simple();
	case SYS_sched_setattr:
		touch((const void *)a[1], *(const uint32_t *)a[1]);
		return simple();
	case SYS_capset:
		touch((const void *)a[0], sizeof(struct __user_cap_header_struct));
		touch((const void *)a[1], 2 * sizeof(struct __user_cap_data_struct));
		return simple();
	case SYS_landlock_create_ruleset:
		touch((const void *)a[0], a[1]);
		return refuse() ? -1 : new_fd(OTHER, 0, 0);
	case SYS_landlock_add_rule:
		touch((const void *)a[2], (int)a[1] == 1 ? 12 : 16);
		return on_fd((int)a[0]);
	case SYS_landlock_restrict_self:
		return on_fd((int)a[0]);
	case SYS_keyctl:
		return k_keyctl((int)a[0], (char *)((int)a[0] == KEYCTL_JOIN_SESSION_KEYRING ? a[1] : a[2]), a[3]);
	case SYS_seccomp: {
		const struct sock_fprog *p = (const struct sock_fprog *)a[2];

		touch(p->filter, p->len * sizeof *p->filter);
		return refuse() ? -1 : a[1] & SECCOMP_FILTER_FLAG_NEW_LISTENER ? new_fd(OTHER, 0, 0) : 0;
	}
	case SYS_clock_gettime:
		memset((void *)a[1], next(), sizeof(struct timespec));
		return 0;
	case SYS_munmap:
		touch((const void *)a[0], a[1]); /* the end of the run frees it */
		return 0;
	case SYS_getpid:
		return INT_MAX;
	case SYS_geteuid:
		return next() % 4 == 1; /* root, as a rule */
	case SYS_faccessat2:
		host_path((const char *)a[1]);
		return simple();
	case SYS_execveat:
		return bad_fd((int)a[0]) ? -1 : k_execve("", (char *const *)a[2], (char *const *)a[3]);
	case SYS_close_range:
	case SYS_ioprio_set:
	case SYS_setresgid:
	case SYS_setresuid:
		return simple();
	}
	fprintf(stderr, "system call %ld\n", number);
	broken("a system call that the fuzzer does not know");
	return -1;
}
