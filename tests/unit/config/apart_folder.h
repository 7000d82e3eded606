/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/config/apart_folder.h - a folder of documents of every kind, right and wrong, that chance
 * writes and edits: the same for the same number. */
#pragma once

#include "unit.h"

/* Edits of one folder; every second one is calm, with few mistakes: most of the time nothing is to be
 * said. */
#define FOLDER_EDITS 15

extern char folder[128];

unsigned below(unsigned n);
bool one_in(unsigned n);

void open_empty_folder(uint64_t number);
void open_folder(uint64_t number);
/* With whatever chance has written. */
void close_folder(void);
void edit_folder(void);
void write_text(const char *name, const char *text);
void remove_text(const char *name);
/* "07.yaml" */
void remove_file(unsigned i);
/* The text of an API that is right; its length. */
int plain_api(char *to, size_t n, const char *name);
/* What the documents' variables are. */
const char *folder_variable(const char *name);
