//go:build ignore

/* Landlock: rights that the process gives up for good. Which, and what is allowed, was settled in Go. */
#include "init.h"

/* enum landlock_rule_type; the headers of the build machine may lack some */
enum { RULE_PATH_BENEATH = 1, RULE_NET_PORT = 2 };

void op_landlock_ruleset(const struct op *o)
{
	/* an older kernel takes the longer struct as long as what it does not know is 0 */
	uint64_t attr[3] = {o->n[LANDLOCK_RULESET_N_FS], o->n[LANDLOCK_RULESET_N_NET], o->n[LANDLOCK_RULESET_N_SCOPE]};

	st.landlock = (int)syscall(SYS_landlock_create_ruleset, attr, sizeof attr, 0);
	if (st.landlock < 0)
		fail_errno(STEP_OP);
}

void op_landlock_path(const struct op *o)
{
	const char *path = o->s[LANDLOCK_PATH_S_PATH].p;
	struct __attribute__((packed)) {
		uint64_t access;
		int32_t fd;
	} rule = {.fd = open_in_root(path, O_PATH, RESOLVE_NO_SYMLINKS_)};
	struct stat sb;

	if (rule.fd < 0) {
		if (!(o->n[LANDLOCK_PATH_N_FLAGS] & LANDLOCK_TRY))
			fail_errno(STEP_TARGET);
		warn(STEP_TARGET, errno, "");
		return;
	}
	if (fstat(rule.fd, &sb) < 0)
		fail_errno(STEP_STAT);
	rule.access = o->n[S_ISDIR(sb.st_mode) ? LANDLOCK_PATH_N_ACCESS : LANDLOCK_PATH_N_FILE_ACCESS];
	if (rule.access == 0) {
		if (!(o->n[LANDLOCK_PATH_N_FLAGS] & LANDLOCK_TRY))
			fail(STEP_VERIFY, ENOTDIR, "");
		warn(STEP_VERIFY, ENOTDIR, "");
	} else if (syscall(SYS_landlock_add_rule, st.landlock, RULE_PATH_BENEATH, &rule, 0) < 0)
		fail_errno(STEP_OP);
	close(rule.fd);
}

void op_landlock_port(const struct op *o)
{
	uint64_t rule[2] = {o->n[LANDLOCK_PORT_N_ACCESS], o->n[LANDLOCK_PORT_N_PORT]};

	if (syscall(SYS_landlock_add_rule, st.landlock, RULE_NET_PORT, rule, 0) < 0)
		fail_errno(STEP_OP);
}

void op_landlock_restrict(void)
{
	if (syscall(SYS_landlock_restrict_self, st.landlock, 0) < 0)
		fail_errno(STEP_OP);
	close(st.landlock);
}
