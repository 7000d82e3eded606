/* SPDX-License-Identifier: Apache-2.0 */
/* ledger/wire.h - one non-blocking connection with what still has to be sent, the ledger's file,
 * and the clock: what client and origin share. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define OUT_BYTES   20480
#define PIECE_BYTES 16384

struct wire {
	int fd; /* -1: none */
	int epoll;
	bool waits; /* for room to write */
	char out[OUT_BYTES];
	size_t out_n, out_at;
};

int64_t now_ms(void);
void die(const char *what);

/* Watches the descriptor for reading; `owner` comes back with its events. */
void wire_open(struct wire *w, int epoll, int fd, void *owner);
struct sockaddr_in wire_address(const char *host, int port);
/* 0: connected; EINPROGRESS: it is when it can be written to, and wire_error is 0; else the error. */
int wire_dial(struct wire *w, int epoll, const struct sockaddr_in *to, void *owner);
int wire_error(struct wire *w);
void wire_close(struct wire *w);
/* Appends to what is to be sent; it has to have room. */
void wire_add(struct wire *w, const void *p, size_t n);
__attribute__((format(printf, 2, 3))) void wire_addf(struct wire *w, const char *format, ...);
static inline bool wire_is_empty(const struct wire *w)
{
	return w->out_at == w->out_n;
}
/* Sends what it can; false: the connection is broken. */
bool wire_flush(struct wire *w, void *owner);
/* Room for a piece of a body, in chunked framing or plain. */
void wire_add_piece(struct wire *w, const char *p, size_t n, bool is_chunked);

/* The ledger: a line a request, flushed once a second and at the end. */
FILE *ledger_open(const char *path);
void ledger_tick(FILE *ledger);
void ledger_close(FILE *ledger);
