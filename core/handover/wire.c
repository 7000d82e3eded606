/* SPDX-License-Identifier: Apache-2.0 */
#include "handover/wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static size_t body_bytes(uint32_t kind)
{
	static const size_t bytes[WIRE_KINDS] = {
		[WIRE_LISTEN] = sizeof(struct wire_listen),
		[WIRE_LISTENING] = sizeof(struct wire_listening),
		[WIRE_RELEASE] = sizeof(struct wire_address),
		[WIRE_SERVING] = sizeof(struct wire_serving),
		[WIRE_REFUSED] = sizeof(struct wire_text),
		[WIRE_LIFT] = sizeof(struct wire_text),
	};
	return bytes[kind];
}

#define HEAD_BYTES offsetof(struct wire_message, u)

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(WIRE_FDS_MAX * sizeof(int))];
};

bool wire_send(int fd, const struct wire_message *m, const int *fds, size_t count)
{
	union control control;
	memset(&control, 0, sizeof(control));
	struct iovec part = {(void *)(uintptr_t)m, HEAD_BYTES + body_bytes(m->kind)};
	struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1};
	if (count > 0) {
		head.msg_control = control.bytes;
		head.msg_controllen = CMSG_SPACE(count * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&head);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, count * sizeof(int));
	}
	ssize_t n;
	do {
		n = sendmsg(fd, &head, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n >= 0;
}

static void take_descriptors(struct msghdr *head, int *fds, size_t *count)
{
	*count = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(head); c; c = CMSG_NXTHDR(head, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (*count < WIRE_FDS_MAX)
				fds[(*count)++] = fd;
			else
				close(fd);
		}
	}
}

static bool is_address(const struct wire_address *a)
{
	return a->n >= sizeof(sa_family_t) && a->n <= sizeof(a->at) && a->purpose <= WIRE_PROBES;
}

static bool is_ended(const struct wire_text *t)
{
	return memchr(t->text, '\0', sizeof(t->text)) != NULL;
}

static bool is_well(const struct wire_message *m, size_t n, size_t count)
{
	if (n < HEAD_BYTES || m->kind == 0 || m->kind >= WIRE_KINDS ||
		n != HEAD_BYTES + body_bytes(m->kind))
		return false;
	if (count > 0 && m->kind != WIRE_LISTENING)
		return false;
	switch (m->kind) {
	case WIRE_LISTEN:
		return is_address(&m->u.listen.address);
	case WIRE_RELEASE:
		return is_address(&m->u.release);
	case WIRE_REFUSED:
	case WIRE_LIFT:
		return is_ended(&m->u.lift);
	default:
		return true;
	}
}

enum wire_verdict wire_receive(int fd, struct wire_message *m, int fds[WIRE_FDS_MAX], size_t *count)
{
	union control control;
	struct iovec part = {m, sizeof(*m)};
	struct msghdr head = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	memset(m, 0, sizeof(*m));
	*count = 0;
	ssize_t n;
	do {
		n = recvmsg(fd, &head, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? WIRE_NOTHING : WIRE_ENDED;
	if (n == 0)
		return WIRE_ENDED;
	take_descriptors(&head, fds, count);
	if (!(head.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) && is_well(m, (size_t)n, *count))
		return WIRE_GOT;
	for (size_t i = 0; i < *count; i++)
		close(fds[i]);
	*count = 0;
	return WIRE_BAD;
}

void wire_set_text(struct wire_text *to, const char *text)
{
	memset(to, 0, sizeof(*to));
	snprintf(to->text, sizeof(to->text), "%s", text);
}
