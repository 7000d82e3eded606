/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fuzz/replay.c - runs a fuzz target on stored inputs, without libFuzzer.
 *
 *   fuzz_<name> FILE|FOLDER...
 *
 * A folder stands for its files, in any order. Each input has its own heap block, so that a
 * sanitizer sees a read past its end. Fails when there was no input at all. */
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static size_t replayed;

static void replay_file(const char *path, size_t n)
{
	FILE *f = fopen(path, "rb");
	uint8_t *bytes = malloc(n ? n : 1);
	if (!f || !bytes || fread(bytes, 1, n, f) != n) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	fclose(f);
	LLVMFuzzerTestOneInput(bytes, n);
	free(bytes);
	replayed++;
}

static void replay_path(const char *path);

static void replay_folder(const char *path)
{
	DIR *dir = opendir(path);
	if (!dir) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	for (struct dirent *entry; (entry = readdir(dir));) {
		char name[PATH_MAX];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		replay_path(name);
	}
	closedir(dir);
}

static void replay_path(const char *path)
{
	struct stat st;
	if (stat(path, &st) != 0) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	if (S_ISDIR(st.st_mode))
		replay_folder(path);
	else
		replay_file(path, (size_t)st.st_size);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		replay_path(argv[i]);
	printf("%zu inputs replayed\n", replayed);
	return replayed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
