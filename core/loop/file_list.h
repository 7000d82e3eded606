/* SPDX-License-Identifier: Apache-2.0 */
/* loop/file_list.h - tells when one of a few single files changes, wherever they lie.
 *
 * For files that a configuration names outside of its folder. They are looked at every
 * FILE_LIST_POLL_MS: by inode, size and times, through links, so that a file which is replaced, and
 * a link that is turned to another one, are seen as well as one that is written anew.
 *
 * The callback comes on the loop's thread once a change has stood for one look: whoever writes two
 * files, a certificate and its key, is seldom caught between them. */
#pragma once

#include "base/str.h"
#include "loop/loop.h"

#define FILE_LIST_POLL_MS 500
#define FILE_LIST_MAX     1000

struct file_list;
typedef void file_list_fn(void *arg);

struct file_list *file_list_new(struct loop *loop, file_list_fn *fn, void *arg);
void file_list_free(struct file_list *f);
/* From here on these; those beyond FILE_LIST_MAX are passed over. What has changed since
 * `read_wall_us`, when they were begun to be read, counts as a change. One that is not there may
 * come.
 */
void file_list_begin(struct file_list *f, int64_t read_wall_us);
void file_list_add(struct file_list *f, struct str path);
