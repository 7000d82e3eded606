/* SPDX-License-Identifier: Apache-2.0 */
#include "process/confine.h"

#include "base/memory.h"
#include "handover/state_dir.h"
#include "observe/log.h"
#include "sandbox/privileges.h"
#include "sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static bool refuse(const char *what, const char *name)
{
	fprintf(stderr, "sluice run: %s %s: %s\n", what, name, strerror(errno));
	return false;
}

static bool is_file(const char *log)
{
	return log && strcmp(log, "-") != 0 && strcmp(log, "off") != 0;
}

/* --- identity -------------------------------------------------------------------------------- */
static struct identity heir; /* nftw hands nothing through */

static int hand_over_entry(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	return lchown(path, heir.uid, heir.gid);
}

/* One that the supervisor has just made, or root served from before, with all that is in it. Its
 * own entry comes last: until then nobody else can put anything in it. In a folder that is
 * another's already, root touches nothing. */
static bool hand_over_state(const char *dir, const struct identity *id)
{
	struct stat st;
	if (lstat(dir, &st) != 0 && state_dir_make(dir) != 0)
		return refuse("cannot use the state folder", dir);
	heir = *id;
	if (lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == 0 && id->uid != 0 &&
		(st.st_mode & 022) == 0 &&
		nftw(dir, hand_over_entry, 8, FTW_PHYS | FTW_DEPTH | FTW_MOUNT) != 0)
		return refuse("cannot hand over the state folder", dir);
	return true;
}

static bool hand_over_log(const char *path, const struct identity *id)
{
	if (!is_file(path))
		return true;
	int fd =
		open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0640);
	struct stat st;
	if (fd < 0)
		return true; /* whoever writes to it will say so */
	bool ok = fstat(fd, &st) == 0;
	bool is_due = ok && S_ISREG(st.st_mode) && st.st_uid != id->uid;
	/* A second name of it may be anything that its new owner had better not get. */
	if (is_due && st.st_nlink != 1) {
		errno = EMLINK;
		ok = false;
	} else if (is_due) {
		ok = fchown(fd, id->uid, id->gid) == 0;
	}
	int error = errno;
	close(fd);
	errno = error;
	return ok || refuse("cannot hand over", path);
}

bool confine_identity(const struct run_options *options, const char *state_dir)
{
	char message[128];
	struct identity id;
	bool binds_ports = !options->is_supervised; /* else they come from the supervisor */
	umask(027);
	if (geteuid() != 0 || !options->user) {
		if (geteuid() == 0)
			log_write(LOG_WARN,
				"serving as root: give --user NAME, and what is served cannot "
				"touch the rest of the machine");
		return privileges_trim(binds_ports) == RC_OK ||
		       refuse("cannot give up", "capabilities");
	}
	if (identity_parse(options->user, &id, message, sizeof(message)) != RC_OK) {
		fprintf(stderr, "sluice run: --user: %s\n", message);
		return false;
	}
	if (!hand_over_log(options->log_file, &id) || !hand_over_log(options->access_log, &id) ||
		!hand_over_state(state_dir, &id))
		return false;
	return privileges_drop(&id, binds_ports) == RC_OK || refuse("cannot become", options->user);
}

/* --- sandbox --------------------------------------------------------------------------------- */
/* A rotated log is made anew in its folder; a pipe or device is written to alone. */
static char *writable_of_log(const char *path)
{
	struct stat st;
	if (!is_file(path))
		return NULL;
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return heap_strdup(path);
	const char *slash = strrchr(path, '/');
	if (!slash)
		return heap_strdup(".");
	return slash == path ? heap_strdup("/") : heap_strndup(str_n(path, (size_t)(slash - path)));
}

static void tell(enum sandbox_mode mode, const struct sandbox_report *report)
{
	if (mode == SANDBOX_OFF || mode == SANDBOX_LOG)
		log_write(LOG_WARN, "the sandbox is off: nothing is denied");
	else if (report->landlock_abi == 0 || !report->has_seccomp)
		log_write(LOG_INFO, "this kernel does not have the whole sandbox: %s",
			report->has_seccomp ? "without Landlock, files are not fenced"
					    : "system calls are not filtered");
	else
		log_write(LOG_DEBUG, "sandbox: seccomp and Landlock ABI %d", report->landlock_abi);
}

static enum sandbox_mode mode_of(const struct run_options *options)
{
	enum sandbox_mode mode = SANDBOX_ON;
	const char *chosen = options->sandbox ? options->sandbox : getenv("SLUICE_SANDBOX");
	if (chosen && sandbox_mode_parse(chosen, &mode) != RC_OK)
		log_write(LOG_WARN, "SLUICE_SANDBOX: expected off, log, on or kill, found '%s'",
			chosen);
	return mode;
}

bool confine_process(const struct run_options *options, const char *state_dir, const char *compiler)
{
#ifdef SLUICE_SANITIZE /* its reports need a tracer, threads and files */
	return true;
#endif
	struct sandbox_report report;
	enum sandbox_mode mode = mode_of(options);
	char *logs[] = {writable_of_log(options->access_log), writable_of_log(options->log_file)};
	struct sandbox_paths paths = {
		.writable = {state_dir},
		.writable_count = 1,
		.executable = {compiler},
		.executable_count = 1,
	};
	for (size_t i = 0; i < 2; i++)
		if (logs[i])
			paths.writable[paths.writable_count++] = logs[i];
	if (options->sandbox)
		setenv("SLUICE_SANDBOX", options->sandbox, 1); /* of the compiler, too */
	if (!options->core_dumps)
		privileges_hide_memory();
	bool is_in = sandbox_enter_gateway(mode, &paths, &report) == RC_OK;
	if (is_in)
		tell(mode, &report);
	else
		refuse("cannot enter the", "sandbox");
	free(logs[0]);
	free(logs[1]);
	return is_in;
}
