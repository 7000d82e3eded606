/* SPDX-License-Identifier: Apache-2.0 */
#include "config/plugins.h"

#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

#define NO_DEFINITION "holds no PolicyDefinition"

static void warn(struct diagnostics *d, const char *file, const char *message)
{
	struct position at = {file, 0, 0};
	diagnostics_add_for(d, "", SEVERITY_WARNING, at, "", message);
}

static void plugin_file_deinit(struct plugin_file *f)
{
	document_set_deinit(&f->documents);
	package_deinit(&f->package);
	free(f->shown);
}

static void add(struct plugin_files *out, const struct plugin_file *f)
{
	if (out->count == out->capacity) {
		out->capacity = out->capacity ? out->capacity * 2 : 16;
		out->items = heap_realloc(out->items, out->capacity * sizeof(*f));
	}
	out->items[out->count++] = *f;
}

static void read_plugin(struct plugin_files *out, const char *dir, const char *name,
	struct diagnostics *diagnostics)
{
	char message[300] = "";
	struct plugin_file f = {0};
	char *path = heap_printf("%s/%s", dir, name);
	enum rc rc = package_read(path, &f.package, message, sizeof(message));
	if (rc != RC_OK) {
		/* It begins with the path, as warnings do, if there was room for it. */
		size_t behind = strlen(path) + strlen(": ");
		warn(diagnostics, path, strlen(message) > behind ? message + behind : message);
		free(path);
		return;
	}
	free(path);
	f.shown = heap_strdup(name);
	struct str definition = str_n(f.package.definition, f.package.definition_bytes);
	if (document_set_read(&f.documents, f.shown, definition, diagnostics) != RC_OK) {
		plugin_file_deinit(&f);
		return;
	}
	if (f.documents.count == 0)
		warn(diagnostics, f.shown, NO_DEFINITION);
	add(out, &f);
}

static int is_plugin(const struct dirent *entry)
{
	struct str name = str_of(entry->d_name);
	return name.p[0] != '.' && str_ends(name, STR(".so"));
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

void plugin_files_read(struct plugin_files *out, const char *const *dirs, size_t dir_count,
	struct diagnostics *diagnostics)
{
	*out = (struct plugin_files){0};
	for (size_t i = 0; i < dir_count; i++) {
		struct dirent **entries = NULL;
		int n = scandir(dirs[i], &entries, is_plugin, by_name);
		if (n < 0) {
			char *message = heap_printf("plugins cannot be read: %s", strerror(errno));
			warn(diagnostics, dirs[i], message);
			free(message);
			continue;
		}
		for (int k = 0; k < n; k++) {
			read_plugin(out, dirs[i], entries[k]->d_name, diagnostics);
			free(entries[k]);
		}
		free(entries);
	}
}

enum rc plugin_files_of_text(struct plugin_files *out, const char *file, struct str yaml,
	struct diagnostics *diagnostics)
{
	struct position at = {file, 0, 0};
	struct plugin_file f = {.shown = heap_strdup(file)};
	*out = (struct plugin_files){0};
	f.package.path = heap_strdup(file);
	enum rc rc = document_set_read(&f.documents, f.shown, yaml, diagnostics);
	if (rc == RC_OK && f.documents.count == 0) {
		diagnostics_add(diagnostics, SEVERITY_ERROR, at, "", NO_DEFINITION);
		rc = RC_INVALID;
	}
	add(out, &f);
	return rc;
}

void plugin_files_deinit(struct plugin_files *p)
{
	for (size_t i = 0; i < p->count; i++)
		plugin_file_deinit(&p->items[i]);
	free(p->items);
	*p = (struct plugin_files){0};
}
