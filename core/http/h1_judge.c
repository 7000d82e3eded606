/* SPDX-License-Identifier: Apache-2.0 */
/* llhttp's verdict on chunked messages, where what one parser takes for the end of a message and
 * another does not is a smuggled request. It is fed what frames them: Transfer-Encoding (and
 * Content-Length, if that came too) as received, the end of the head, and the chunks. Where it
 * refuses, or sees another framing than our own reading, the message is refused: two parsers must
 * agree before content is believed.
 *
 * The rest of a head it does not see. The guard has read it already, by the narrower grammar, and
 * llhttp would cost four times as much for it. A head without Transfer-Encoding leaves nothing to
 * differ about: it has no content, or one length of at most 19 digits.
 *
 * What the start line says about content (HEAD, 204) is the policy's: llhttp is always shown the
 * same start line, and is set to where it stands behind it by copying its state, which holds no
 * pointer into itself. Of Connection and Upgrade it never hears. */
#include "http/h1_priv.h"

#include "base/check.h"

static int on_headers_complete(llhttp_t *judge)
{
	struct h1_parser *p = CONTAINER_OF(judge, struct h1_parser, judge);
	bool has_length = p->m.length_line.n > 0;
	p->judge_agrees = has_length == !!(judge->flags & F_CONTENT_LENGTH) &&
			  p->m.is_chunked == !!(judge->flags & F_CHUNKED) &&
			  (!has_length || judge->content_length == p->m.length);
	/* 1: no content that it would have to read. */
	return p->judge_reads_chunks ? 0 : 1;
}

static int on_message_complete(llhttp_t *judge)
{
	struct h1_parser *p = CONTAINER_OF(judge, struct h1_parser, judge);
	p->judge_saw_end = true;
	return 0;
}

static const llhttp_settings_t settings = {
	.on_headers_complete = on_headers_complete,
	.on_message_complete = on_message_complete,
};

/* Behind the start line of a request and of a response. */
static llhttp_t behind_start_line[2];

__attribute__((constructor)) static void read_start_lines(void)
{
	static const char request[] = "POST / HTTP/1.1\r\n", response[] = "HTTP/1.1 200 OK\r\n";
	llhttp_init(&behind_start_line[false], HTTP_REQUEST, &settings);
	llhttp_init(&behind_start_line[true], HTTP_RESPONSE, &settings);
	CHECK(llhttp_execute(&behind_start_line[false], request, sizeof(request) - 1) == HPE_OK);
	CHECK(llhttp_execute(&behind_start_line[true], response, sizeof(response) - 1) == HPE_OK);
}

bool judge_feed(struct h1_parser *p, struct str bytes)
{
	return llhttp_execute(&p->judge, bytes.p, bytes.n) == HPE_OK;
}

static bool feed_line(struct h1_parser *p, const char *section, struct span line)
{
	return line.n == 0 || judge_feed(p, span_view(section, line));
}

bool judge_head(struct h1_parser *p, const char *section, bool reads_chunks)
{
	if (LIKELY(p->m.coding_line.n == 0))
		return true;
	p->judge = behind_start_line[p->is_response];
	p->judge_agrees = false;
	p->judge_saw_end = false;
	p->judge_reads_chunks = reads_chunks;
	return feed_line(p, section, p->m.length_line) && feed_line(p, section, p->m.coding_line) &&
	       judge_feed(p, STR("\r\n")) && p->judge_agrees;
}
