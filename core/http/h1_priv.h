/* SPDX-License-Identifier: Apache-2.0 */
/* http/h1_priv.h - what the files of the HTTP/1.1 reader share.
 *
 *   h1_parser.c    life cycle, and the step from bytes to one event
 *   h1_section.c   the guard: cuts a head or a trailer section into lines and fields
 *   h1_fields.c    what each field means for framing, and which ones are taken out
 *   h1_request.c   the policy on a whole request head
 *   h1_response.c  the policy on a whole response head
 *   h1_judge.c     llhttp's verdict on start line and framing
 *   h1_chunked.c   chunked content
 */
#pragma once

#include "http/h1.h"

#include <llhttp.h>

#if LLHTTP_VERSION_MAJOR < 9 && !LLHTTP_STRICT_MODE
#error "llhttp must be built strict: loose mode takes chunk data without its CRLF"
#endif

enum h1_state {
	STATE_IDLE,        /* no message begun */
	STATE_HEAD,        /* inside a head, or before its first byte */
	STATE_LENGTH,      /* `left` bytes of content follow */
	STATE_UNTIL_CLOSE, /* content ends with the connection */
	STATE_CHUNK_LINE,  /* inside a chunk's size line; `chunk` says where */
	STATE_CHUNK_DATA,  /* `left` bytes of a chunk follow */
	STATE_CHUNK_END,   /* inside the CRLF behind a chunk's data */
	STATE_TRAILERS,
	STATE_INTERIM, /* behind an interim response: the next head begins */
	STATE_DONE,    /* whole; H1_END is still to be said */
	STATE_TUNNEL,  /* not HTTP any more */
	STATE_FAILED,
};

/* Bytes of the section that is being read, by offset: it may move while it grows. */
struct span {
	uint32_t at;
	uint32_t n;
};

static inline struct span span_of(const char *section, const char *from, const char *to)
{
	return (struct span){(uint32_t)(from - section), (uint32_t)(to - from)};
}

static inline struct str span_view(const char *section, struct span span)
{
	return (struct str){section + span.at, span.n};
}

/* Of the message that is being read; cleared by each begin. */
struct h1_message {
	struct span start_line;  /* with CRLF */
	struct span method;      /* request */
	struct span target;      /* request */
	struct span reason;      /* response */
	struct span length_line; /* the Content-Length line with CRLF; n == 0: none */
	struct span coding_line; /* the Transfer-Encoding line with CRLF; n == 0: none */
	struct span host;
	struct span upgrade;
	uint64_t seen; /* a bit for each field_id that came */
	uint64_t length;
	uint64_t left; /* of content, or of the chunk */
	uint32_t extension_bytes;
	uint16_t status;
	uint8_t version_minor;
	uint8_t empty_lines; /* before the start line */
	uint8_t chunk;       /* enum chunk_part */
	uint8_t digits;      /* of the chunk's size */
	uint8_t nominated;   /* names in Connection fields */
	bool has_start_line;
	bool is_chunked;
	bool has_unknown_coding;
	bool is_close;
	bool is_keep_alive;
	bool names_upgrade;
	bool expects_continue;
};

struct h1_parser {
	struct pool *pool;                   /* borrowed */
	struct arena *arena;                 /* borrowed from the exchange */
	const struct message_limits *limits; /* borrowed */
	struct http_request *request;        /* borrowed; NULL in a response parser */
	struct http_response *response;      /* borrowed; NULL in a request parser */
	struct fields *fields;               /* where the section's fields go */
	struct fields *trailers;             /* in the arena; NULL without */
	/* The section being read, when it did not come in one piece: in the arena. */
	char *held;
	uint32_t held_n, held_capacity;
	uint32_t at;        /* where its unfinished line begins */
	uint32_t clean;     /* bytes of that line which need no second look */
	uint32_t bytes_max; /* of the section, with a fixed cost for each field */
	uint8_t state;      /* enum h1_state */
	uint8_t error;      /* enum h1_error */
	uint8_t interims;
	bool is_response;
	bool upgrade_asked;
	bool judge_agrees;
	bool judge_saw_end;
	bool judge_reads_chunks; /* chunked content follows the head */
	enum http_method method; /* of the request that is answered */
	struct str body;
	struct h1_message m; /* zeroed where a head begins */
	llhttp_t judge;      /* set where a head is judged */
};

enum progress { LINE_MORE, LINE_NEXT, LINE_LAST, LINE_BAD };

/* Both record the error and move to STATE_FAILED. */
enum h1_event parser_fail(struct h1_parser *p, enum h1_error e);
enum progress line_fail(struct h1_parser *p, enum h1_error e);

/* --- h1_section.c */
void section_begin(struct h1_parser *p, struct fields *fields, uint32_t bytes_max);
/* Feeds a head or a trailer section. LINE_LAST: it is whole and begins at *section. */
enum progress section_feed(
	struct h1_parser *p, struct str in, size_t *consumed, const char **section);

/* --- h1_fields.c */
/* A field line, cut but not judged. */
struct field_line {
	struct str name, value;
	const char *end; /* behind its CRLF */
	bool is_plain;   /* the name is letters, digits and '-' alone */
};
enum progress head_take_field(
	struct h1_parser *p, const char *section, const struct field_line *line, enum field_id id);
enum progress trailer_take_field(struct h1_parser *p, const struct field_line *line);
/* Removes what Connection nominates, and Connection. Whether fields went with it. */
bool head_drop_nominated(struct h1_parser *p);
/* Content-Length and Transfer-Encoding together, in either direction. */
enum h1_error head_check_framing(const struct h1_parser *p);

/* --- h1_request.c, h1_response.c: the head is whole. */
enum h1_event request_finish(struct h1_parser *p, const char *section);
enum h1_event response_finish(struct h1_parser *p, const char *section);

/* --- h1_judge.c */
/* Whether llhttp, fed the start line and the framing fields, sees the framing that we see. */
bool judge_head(struct h1_parser *p, const char *section, bool reads_chunks);
/* Feeds bytes of the chunked framing or content. */
bool judge_feed(struct h1_parser *p, struct str bytes);

/* --- h1_chunked.c */
enum h1_event chunked_feed(struct h1_parser *p, struct str in, size_t *consumed);
