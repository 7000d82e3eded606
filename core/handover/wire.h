/* SPDX-License-Identifier: Apache-2.0 */
/* handover/wire.h - the messages between a gateway and its supervisor.
 *
 * Over a SOCK_SEQPACKET pair: one packet is one message of a fixed length, with descriptors beside
 * it where its kind has them. What has another length, an unknown kind, or descriptors where none
 * belong is refused whole, and its descriptors are closed.
 *
 *   gateway     LISTEN      opens an address, or finds it open      -> LISTENING, once or more
 *               RELEASE     an address that it listens on no more
 *               SERVING     a generation serves (or, standing by, would)
 *               REFUSED     a configuration was refused; what served before serves on
 *               ACTIVE      it accepts connections, as asked by ACTIVATE
 *               LIFT        a binding's quarantine shall end
 *   supervisor  LISTENING   descriptors of an address, or the errno
 *               ACTIVATE    whoever stands by shall accept connections
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Of everything that a supervisor and its gateways share: messages, board, trail, and what a
 * supervisor hands to its replacement. */
#define WIRE_FORMAT 4
/* Descriptors in one message; the kernel takes 253. */
#define WIRE_FDS_MAX    64
#define WIRE_TEXT_BYTES 200

enum wire_kind {
	WIRE_LISTEN = 1,
	WIRE_LISTENING,
	WIRE_RELEASE,
	WIRE_SERVING,
	WIRE_REFUSED,
	WIRE_ACTIVE,
	WIRE_ACTIVATE,
	WIRE_LIFT,
	WIRE_KINDS,
};

/* What an address is opened for: two purposes never share one. */
enum wire_purpose { WIRE_REQUESTS, WIRE_PROBES };

struct wire_address {
	uint32_t n; /* bytes of `at` */
	uint32_t purpose;
	struct sockaddr_storage at;
};

struct wire_listen {
	struct wire_address address;
	uint32_t count; /* sockets wanted; an open group may have more */
	uint32_t backlog;
};

struct wire_listening {
	struct wire_address address; /* as it was asked for */
	int32_t error;               /* errno; 0: descriptors come */
	uint32_t total;              /* of the whole group */
	uint32_t first;              /* index of the first one beside this message */
};

struct wire_serving {
	uint64_t plan; /* its hash */
	uint64_t generation;
	uint32_t apis, stubs;
	uint32_t is_last_good; /* from the store, not from the folder */
};

struct wire_text {
	char text[WIRE_TEXT_BYTES]; /* ended by NUL */
};

struct wire_message {
	uint32_t kind;
	union {
		struct wire_listen listen;
		struct wire_listening listening;
		struct wire_address release;
		struct wire_serving serving;
		struct wire_text refused;
		struct wire_text lift;
	} u;
};

enum wire_verdict { WIRE_GOT, WIRE_NOTHING, WIRE_ENDED, WIRE_BAD };

/* Never waits. false with errno: EAGAIN when the other side does not read. */
bool wire_send(int fd, const struct wire_message *m, const int *fds, size_t count);
/* Never waits. Descriptors are the caller's, close-on-exec. */
enum wire_verdict wire_receive(
	int fd, struct wire_message *m, int fds[WIRE_FDS_MAX], size_t *count);
/* Copies, cut to what fits. */
void wire_set_text(struct wire_text *to, const char *text);
