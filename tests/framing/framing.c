/* SPDX-License-Identifier: Apache-2.0 */
/* The policy framing: the first letter of a client's message says what becomes of it.
 *
 *   d  it is dropped       r  the mark stands in its place     c  both peers are closed with 1008
 *   f  the policy fails    i  the mark goes to both behind it  s  it asks for more than there is
 *
 * With a mark every other frame of data has it put in front of its first piece. */
#include <sluice/frames.h>
#include <sluice/sluice.h>

#include <string.h>

struct binding {
	struct sluice_str mark;
	int32_t shown; /* counter: pieces */
};

static const struct sluice_frames_service *frames;

static int32_t load(const struct sluice_host *host)
{
	frames = host->service(SLUICE_FRAMES_SERVICE);
	return frames ? SLUICE_OK : SLUICE_E_UNSUPPORTED;
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	const struct sluice_host *host = call->host;
	struct binding *b = host->instance_alloc(call->instance, sizeof(*b));
	int64_t collect = host->value_integer(host->value_get(config, SLUICE_STR("collect")), 0);
	(void)previous;
	if (!b)
		return SLUICE_E_FULL;
	b->mark = host->value_string(host->value_get(config, SLUICE_STR("mark")), SLUICE_STR(""));
	b->shown = host->counter_define(
		call->instance, SLUICE_STR("pieces"), SLUICE_STR("Pieces that were shown"));
	*state = b;
	if (collect > 0 && frames->collect(call->instance, (uint64_t)collect) != SLUICE_OK)
		return SLUICE_E_INVALID;
	return b->shown < 0 ? b->shown : SLUICE_OK;
}

static void release(const struct sluice_call *call)
{
	call->host->instance_free(call->instance, call->state);
}

/* Calls that are refused, each for another reason; whether they were. */
static int is_refused(struct sluice_exchange *x)
{
	return frames->inject(x, SLUICE_FRAMES_BOTH, SLUICE_FRAME_CLOSE, SLUICE_STR("")) ==
		       SLUICE_E_INVALID &&
	       frames->inject(x, 0, SLUICE_FRAME_TEXT, SLUICE_STR("")) == SLUICE_E_INVALID &&
	       frames->close(x, SLUICE_FRAMES_BOTH, 1006, SLUICE_STR("")) == SLUICE_E_INVALID &&
	       frames->close(x, SLUICE_FRAMES_BOTH, 1000, SLUICE_STR("\xff")) == SLUICE_E_INVALID;
}

static int32_t obey(const struct binding *b, struct sluice_exchange *x, char letter)
{
	switch (letter) {
	case 'd':
		return frames->drop(x);
	case 'r':
		return frames->replace(x, b->mark);
	case 'c':
		return frames->close(x, SLUICE_FRAMES_BOTH, 1008, SLUICE_STR("not here"));
	case 'i':
		return frames->inject(x, SLUICE_FRAMES_BOTH, SLUICE_FRAME_TEXT, b->mark);
	case 's':
		return is_refused(x) ? SLUICE_OK : SLUICE_E_INVALID;
	default:
		return letter == 'f' ? SLUICE_E_INVALID : SLUICE_OK;
	}
}

static int32_t mark(const struct binding *b, struct sluice_exchange *x,
	const struct sluice_frame *f, struct sluice_str bytes)
{
	int32_t rc = SLUICE_OK;
	if (b->mark.n == 0 || f->opcode >= SLUICE_FRAME_CLOSE || !f->is_first ||
		f->opcode == SLUICE_FRAME_CONTINUATION)
		return SLUICE_OK;
	rc = frames->replace(x, b->mark);
	return rc == SLUICE_OK ? frames->replace(x, bytes) : rc;
}

static int32_t frame(
	const struct sluice_call *call, struct sluice_exchange *x, const struct sluice_body *piece)
{
	const struct binding *b = call->state;
	struct sluice_frame f = {.size = sizeof(f)};
	call->host->counter_add(call->instance, b->shown, 1);
	if (frames->frame(x, &f) != SLUICE_OK)
		return SLUICE_FAIL;
	int is_order = f.from == SLUICE_FRAMES_CLIENT && f.opcode == SLUICE_FRAME_TEXT &&
		       f.is_first && piece->bytes.n > 0 &&
		       memchr("drcifs", piece->bytes.p[0], 6) != NULL;
	int32_t rc = is_order ? obey(b, x, piece->bytes.p[0]) : mark(b, x, &f, piece->bytes);
	return rc == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
}

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const char *const services[] = {SLUICE_FRAMES_SERVICE, NULL};
	static const struct sluice_policy policy = {
		.size = sizeof(policy),
		.name = "framing",
		.version = "1.0.0",
		.configure = configure,
		.release = release,
		.frame = frame,
	};
	static const struct sluice_policy *const policies[] = {&policy};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "framing",
		.version = "1.0.0",
		.policies = policies,
		.requires_services = services,
		.load = load,
	};
	return &plugin;
}
