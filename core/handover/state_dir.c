/* SPDX-License-Identifier: Apache-2.0 */
#include "handover/state_dir.h"

#include "base/memory.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

char *state_dir_name(const char *given)
{
	if (given)
		return heap_strdup(given);
	if (geteuid() == 0)
		return heap_strdup("/var/lib/sluice");
	const char *home = getenv("HOME");
	return heap_printf("%s/.local/state/sluice", home && home[0] ? home : "");
}

static int make_all(char *path)
{
	for (char *p = path + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		int rc = mkdir(path, 0755);
		*p = '/';
		if (rc != 0 && errno != EEXIST)
			return -1;
	}
	return mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : -1;
}

int state_dir_make(const char *path)
{
	char *copy = heap_strdup(path);
	int rc = make_all(copy);
	free(copy);
	struct stat st;
	if (rc != 0 || stat(path, &st) != 0)
		return -1;
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return -1;
	}
	/* Plugins are run from here: nobody else may write. */
	bool is_ours = st.st_uid == geteuid() && (st.st_mode & 022) == 0;
	if (!is_ours)
		errno = EPERM;
	return is_ours ? 0 : -1;
}
