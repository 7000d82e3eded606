/* SPDX-License-Identifier: Apache-2.0 */
/* ledger/reader.h - reads HTTP/1.1 messages piece by piece, strictly, and shares no code with the
 * gateway: what the two would both get wrong would stay unseen. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAD_BYTES_MAX 8192

enum reader_event {
	READER_MORE, /* all was taken */
	READER_HEAD,
	READER_DATA, /* data, data_n */
	READER_END,
	READER_BAD,
};

struct reader {
	bool is_response;
	int state;
	/* Of the head. */
	char head[HEAD_BYTES_MAX];
	size_t head_n;
	unsigned status;
	char method[16];
	char target[512];
	char nonce[32];   /* x-ledger-nonce */
	char verdict[16]; /* x-ledger-body */
	bool has_length, is_chunked, is_close;
	uint64_t length;
	/* Of the content. */
	uint64_t left;
	char line[64];
	size_t line_n;
	const char *data;
	size_t data_n;
};

void reader_begin(struct reader *r, bool is_response);
enum reader_event reader_feed(struct reader *r, const char *p, size_t n, size_t *used);
/* Whether no byte of a message has come. */
bool reader_is_idle(const struct reader *r);
