/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's call for capabilities is used raw: libcap is one more library for three calls. */
#include "sandbox/privileges.h"

#include "base/check.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CAPABILITY(name) (1ull << (name))
#define OF_FILES (CAPABILITY(CAP_DAC_OVERRIDE) | CAPABILITY(CAP_DAC_READ_SEARCH))

static enum rc not_found(const char *what, const char *name, char *message, size_t size)
{
	snprintf(message, size, "there is no %s '%s'", what, name);
	return RC_NOT_FOUND;
}

enum rc identity_parse(const char *text, struct identity *out, char *message, size_t message_size)
{
	struct identity id;
	const char *colon = strchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : strlen(text);
	if (n >= sizeof(id.user))
		return not_found("user", text, message, message_size);
	memcpy(id.user, text, n);
	id.user[n] = '\0';
	const struct passwd *user = getpwnam(id.user);
	if (!user)
		return not_found("user", id.user, message, message_size);
	id.uid = user->pw_uid;
	id.gid = user->pw_gid;
	const struct group *group = colon ? getgrnam(colon + 1) : NULL;
	if (colon && !group)
		return not_found("group", colon + 1, message, message_size);
	if (group)
		id.gid = group->gr_gid;
	*out = id;
	return RC_OK;
}

/* --- capabilities ---------------------------------------------------------------------------- */
static enum rc set_capabilities(uint64_t set)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct halves[2] = {
		{.effective = (uint32_t)set, .permitted = (uint32_t)set},
		{.effective = (uint32_t)(set >> 32), .permitted = (uint32_t)(set >> 32)},
	};
	return syscall(SYS_capset, &head, halves) == 0 ? RC_OK : RC_IO;
}

/* Beyond the last one that the kernel knows it says EINVAL. */
static enum rc bound_capabilities(uint64_t kept)
{
	for (int i = 0; i < 64; i++) {
		if ((kept >> i) & 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) != 0)
			return errno == EINVAL ? RC_OK : RC_IO;
	}
	return RC_OK;
}

static void clear_ambient(void)
{
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

enum rc privileges_drop(const struct identity *id, bool binds_ports)
{
	uint64_t kept = binds_ports ? CAPABILITY(CAP_NET_BIND_SERVICE) : 0;
	clear_ambient();
	if (bound_capabilities(kept) != RC_OK || prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
		return RC_IO;
	if (initgroups(id->user, id->gid) != 0 || setresgid(id->gid, id->gid, id->gid) != 0 ||
		setresuid(id->uid, id->uid, id->uid) != 0)
		return RC_IO;
	enum rc rc = set_capabilities(kept);
	prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
	if (rc == RC_OK && id->uid != 0 && setuid(0) == 0) {
		errno = EPERM; /* what was given up can be had back */
		rc = RC_IO;
	}
	return rc;
}

enum rc privileges_trim(bool binds_ports)
{
	uint64_t kept = OF_FILES | (binds_ports ? CAPABILITY(CAP_NET_BIND_SERVICE) : 0);
	clear_ambient();
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct halves[2];
	if (syscall(SYS_capget, &head, halves) != 0)
		return RC_IO;
	/* A container's root may have few of them already, and may not be allowed to drop any. */
	uint64_t has = halves[0].permitted | (uint64_t)halves[1].permitted << 32;
	if ((has & CAPABILITY(CAP_SETPCAP)) && bound_capabilities(kept) != RC_OK)
		return RC_IO;
	return (has & ~kept) == 0 ? RC_OK : set_capabilities(has & kept);
}

void privileges_hide_memory(void)
{
	struct rlimit none = {0, 0};
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
