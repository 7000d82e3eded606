/* SPDX-License-Identifier: Apache-2.0 */
/* Landlock (Linux 5.13): the ruleset handles writing, making, removing and executing; reading stays as
 * the file system has it, since a configuration may name a file anywhere.
 *
 * The kernel's header may be older than the kernel: what is not in it is spelled out here, and only
 * asked for when the kernel says that it knows it. */
#include "sandbox/sandbox_priv.h"

#include "base/check.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Since ABI 2, 3 and 5. */
#define ACCESS_REFER     (1ull << 13)
#define ACCESS_TRUNCATE  (1ull << 14)
#define ACCESS_IOCTL_DEV (1ull << 15)

#define ACCESS_MAKE                                                                                \
	(LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |                          \
		LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |                        \
		LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)
#define ACCESS_NEVER                                                                               \
	(LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK |                            \
		LANDLOCK_ACCESS_FS_MAKE_FIFO)

static uint64_t writing(int abi)
{
	uint64_t access = LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_MAKE;
	if (abi >= 2)
		access |= ACCESS_REFER;
	return abi >= 3 ? access | ACCESS_TRUNCATE : access;
}

static uint64_t handled(int abi)
{
	uint64_t access = writing(abi) | ACCESS_NEVER | LANDLOCK_ACCESS_FS_EXECUTE;
	return abi >= 5 ? access | ACCESS_IOCTL_DEV : access;
}

/* A file takes no rights that only a folder can have. */
static uint64_t fitting(int fd, uint64_t access)
{
	struct stat st;
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		return access;
	return access & (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_EXECUTE |
				ACCESS_TRUNCATE | ACCESS_IOCTL_DEV);
}

static enum rc allow(int ruleset, const char *path, uint64_t access)
{
	int fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? RC_OK : RC_IO;
	struct landlock_path_beneath_attr rule = {
		.allowed_access = fitting(fd, access),
		.parent_fd = fd,
	};
	long result = syscall(
		SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	int error = errno;
	close(fd);
	errno = error;
	return result == 0 ? RC_OK : RC_IO;
}

/* The dynamic loader that an ELF program names, which the kernel executes with it; "" without one. */
static void read_interpreter(const char *program, char *out, size_t size)
{
	Elf64_Ehdr head;
	out[0] = '\0';
	int fd = open(program, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	bool is_elf = pread(fd, &head, sizeof(head), 0) == sizeof(head) &&
		      memcmp(head.e_ident, ELFMAG, SELFMAG) == 0 &&
		      head.e_phentsize == sizeof(Elf64_Phdr);
	for (unsigned i = 0; is_elf && i < head.e_phnum; i++) {
		Elf64_Phdr part;
		off_t at = (off_t)(head.e_phoff + i * sizeof(part));
		if (pread(fd, &part, sizeof(part), at) != sizeof(part))
			break;
		if (part.p_type != PT_INTERP || part.p_filesz >= size)
			continue;
		ssize_t n = pread(fd, out, part.p_filesz, (off_t)part.p_offset);
		out[n > 0 ? n : 0] = '\0';
	}
	close(fd);
}

static enum rc allow_program(int ruleset, const char *path)
{
	char interpreter[256];
	enum rc rc = allow(ruleset, path, LANDLOCK_ACCESS_FS_EXECUTE);
	read_interpreter(path, interpreter, sizeof(interpreter));
	if (rc == RC_OK && interpreter[0])
		rc = allow(ruleset, interpreter, LANDLOCK_ACCESS_FS_EXECUTE);
	return rc;
}

static enum rc add_rules(int ruleset, const struct sandbox_paths *paths, int abi)
{
	/* Libraries and children throw output away there. */
	enum rc rc = allow(ruleset, "/dev/null", LANDLOCK_ACCESS_FS_WRITE_FILE);
	for (size_t i = 0; paths && rc == RC_OK && i < paths->writable_count; i++)
		rc = allow(ruleset, paths->writable[i], writing(abi));
	for (size_t i = 0; paths && rc == RC_OK && i < paths->executable_count; i++)
		rc = allow_program(ruleset, paths->executable[i]);
	return rc;
}

enum rc landlock_enter(const struct sandbox_paths *paths, int *abi)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	*abi = version > 0 ? (int)version : 0;
	if (*abi == 0)
		return RC_OK;
	struct landlock_ruleset_attr attr = {.handled_access_fs = handled(*abi)};
	int ruleset = (int)syscall(
		SYS_landlock_create_ruleset, &attr, sizeof(attr.handled_access_fs), 0);
	if (ruleset < 0)
		return RC_IO;
	enum rc rc = add_rules(ruleset, paths, *abi);
	if (rc == RC_OK && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
		rc = RC_IO;
	int error = errno;
	close(ruleset);
	errno = error;
	return rc;
}
