/* SPDX-License-Identifier: Apache-2.0 */
/* policy/host_priv.h - which host call is legal in which callback, and the calls themselves. */
#pragma once

#include "policy/legal.h"
#include "policy/policy_priv.h"

#define HOST_CALLS(X)                                                                              \
	X(log, IN_INSTANCE)                                                                        \
	X(counter_define, IN(CONFIGURE))                                                           \
	X(counter_add, IN_EXCHANGE | IN_CALLED)                                                    \
	X(exchange_alloc, IN_EXCHANGE)                                                             \
	X(config_error, IN(CONFIGURE))                                                             \
	X(value_wipe, IN(CONFIGURE))                                                               \
	X(fact, IN_EXCHANGE)                                                                       \
	X(status, IN_EXCHANGE)                                                                     \
	X(status_set, IN(RESPONSE_HEAD) | IN(RESPONSE_BODY))                                       \
	X(now_ms, IN_EXCHANGE)                                                                     \
	X(wall_ms, IN_EXCHANGE)                                                                    \
	X(field_get, IN_EXCHANGE)                                                                  \
	X(field_next, IN_EXCHANGE)                                                                 \
	X(field_set, IN_LIVE)                                                                      \
	X(field_add, IN_LIVE)                                                                      \
	X(field_remove, IN_LIVE)                                                                   \
	X(path_set, IN(REQUEST_HEAD))                                                              \
	X(respond, IN_LIVE)                                                                        \
	X(respond_error, IN_LIVE)                                                                  \
	X(pause, IN_LIVE)                                                                          \
	X(resumed, IN_LIVE)                                                                        \
	X(wait, IN_LIVE)                                                                           \
	X(body_replace, IN_BODIES)                                                                 \
	X(body_pass, IN_HEADS)                                                                     \
	X(body_length, IN_EXCHANGE)                                                                \
	X(property_set, IN_LIVE)                                                                   \
	X(property_get, IN_EXCHANGE)                                                               \
	X(authenticate, IN(REQUEST_HEAD) | IN(REQUEST_BODY))                                       \
	X(data_set, IN_EXCHANGE)                                                                   \
	X(data_get, IN_EXCHANGE)                                                                   \
	X(worker_data, IN_EXCHANGE)                                                                \
	X(field_prepare, IN(CONFIGURE))                                                            \
	X(field_set_prepared, IN_LIVE)                                                             \
	X(callbacks_omit, IN(CONFIGURE))                                                           \
	X(target, IN(CONFIGURE))                                                                   \
	X(label_get, IN_EXCHANGE)                                                                  \
	X(label_next, IN_EXCHANGE)                                                                 \
	X(claim_set, IN(REQUEST_HEAD) | IN(REQUEST_BODY))                                          \
	X(claim_get, IN_EXCHANGE)                                                                  \
	X(claim_next, IN_EXCHANGE)                                                                 \
	X(method_set, IN(REQUEST_HEAD))                                                            \
	X(violation, IN_LIVE)                                                                    \
	X(reroute, IN(REQUEST_HEAD) | IN(REQUEST_BODY))                                            \
	X(claims_prepare, IN(REQUEST_HEAD) | IN(REQUEST_BODY) | IN_CALLED)                         \
	X(claims_set_prepared, IN(REQUEST_HEAD) | IN(REQUEST_BODY))                                \
	X(length_declared, IN_EXCHANGE)                                                            \
	X(response_pass, IN(REQUEST_HEAD))

enum host_call {
#define X(name, legal) HOST_##name,
	HOST_CALLS(X)
#undef X
		HOST_CALL_COUNT,
};
extern const struct policy_call host_calls[HOST_CALL_COUNT];

/* A line in the log about a plugin's mistake, and a word to the observer. */
void policy_complain(struct sluice_instance *i, const struct sluice_exchange *x,
	enum sluice_log_level level, struct str message);

static inline int32_t host_refuse(enum host_call call)
{
	return policy_refuse(&host_calls[call]);
}
static inline int32_t host_refuse_late(enum host_call call, const char *why)
{
	return policy_refuse_late(&host_calls[call], why);
}

/* Whether x is the exchange whose callback runs on this thread, and that may make the call. Reads
 * nothing of x. */
static inline bool host_allows(const struct sluice_exchange *x, enum host_call call)
{
	const struct policy_thread *t = &policy_thread;
	return LIKELY(t->exchange == x && x && (host_calls[call].legal >> t->callback & 1));
}
static inline bool host_allows_instance(const struct sluice_instance *i, enum host_call call)
{
	const struct policy_thread *t = &policy_thread;
	return LIKELY(t->instance == i && i && (host_calls[call].legal >> t->callback & 1));
}

static inline struct str str_in(struct sluice_str s)
{
	return (struct str){s.p, s.n};
}
static inline struct sluice_str str_out(struct str s)
{
	return (struct sluice_str){s.p ? s.p : "", s.n};
}

/* chain.c */
uint64_t chain_pause(struct sluice_exchange *x, uint32_t deadline_ms);

/* host.c */
void *host_instance_alloc(struct sluice_instance *, size_t);
void host_instance_free(struct sluice_instance *, void *);

/* registry.c */
const void *host_service(const char *name);

/* host_observe.c */
void policy_log(struct sluice_instance *i, const struct sluice_exchange *x,
	enum sluice_log_level level, struct str message);
void host_log(struct sluice_instance *, struct sluice_exchange *, enum sluice_log_level,
	struct sluice_str);
int32_t host_counter_define(struct sluice_instance *, struct sluice_str, struct sluice_str);
void host_counter_add(struct sluice_instance *, int32_t, uint64_t);
/* Gives back the instance's series. */
void instance_counters_free(struct sluice_instance *i);

/* host_value.c */
enum sluice_value_type host_value_type(const struct sluice_value *);
const struct sluice_value *host_value_get(const struct sluice_value *, struct sluice_str);
const struct sluice_value *host_value_at(const struct sluice_value *, size_t, struct sluice_str *);
size_t host_value_count(const struct sluice_value *);
int32_t host_value_bool(const struct sluice_value *, int32_t);
int64_t host_value_integer(const struct sluice_value *, int64_t);
double host_value_real(const struct sluice_value *, double);
struct sluice_str host_value_string(const struct sluice_value *, struct sluice_str);
void host_config_error(struct sluice_instance *, const struct sluice_value *, struct sluice_str);
int32_t host_value_wipe(struct sluice_instance *, const struct sluice_value *);

/* target.c */
const struct sluice_target *host_target(struct sluice_instance *, const struct sluice_value *);

/* host_head.c */
struct sluice_str host_fact(struct sluice_exchange *, enum sluice_fact);
int32_t host_status(struct sluice_exchange *);
int32_t host_status_set(struct sluice_exchange *, int32_t);
int64_t host_body_length(struct sluice_exchange *, enum sluice_side);
int64_t host_length_declared(struct sluice_exchange *, enum sluice_side);
int32_t host_field_get(
	struct sluice_exchange *, enum sluice_side, struct sluice_str, struct sluice_str *);
int32_t host_field_next(struct sluice_exchange *, enum sluice_side, struct sluice_str, uint32_t *,
	struct sluice_str *, struct sluice_str *);
int32_t host_field_set(
	struct sluice_exchange *, enum sluice_side, struct sluice_str, struct sluice_str);
int32_t host_field_add(
	struct sluice_exchange *, enum sluice_side, struct sluice_str, struct sluice_str);
int32_t host_field_remove(struct sluice_exchange *, enum sluice_side, struct sluice_str);
int32_t host_path_set(struct sluice_exchange *, struct sluice_str, struct sluice_str);
struct sluice_field *host_field_prepare(
	struct sluice_instance *, struct sluice_str, struct sluice_str);
int32_t host_field_set_prepared(
	struct sluice_exchange *, enum sluice_side, const struct sluice_field *, struct sluice_str);

/* Gives back what was prepared. */
void instance_fields_free(struct sluice_instance *i);

/* host_answer.c */
int32_t host_respond(struct sluice_exchange *, int32_t, const struct sluice_str *, size_t,
	struct sluice_str, struct sluice_str);
int32_t host_respond_error(struct sluice_exchange *, int32_t, const struct sluice_str *, size_t,
	struct sluice_str, struct sluice_str);
/* `body` and `reason` are in the arena or static. */
int32_t host_answer_make(struct sluice_exchange *, int32_t status, const struct sluice_str *fields,
	size_t field_count, struct str body, struct str reason, struct local_response **);
int32_t host_answer_fields(struct fields *to, const struct sluice_str *fields, size_t count);
/* What can be answered at all. */
bool host_may_answer(int32_t status, size_t body_bytes, size_t reason_bytes);

/* host_exchange.c */
int32_t host_label_get(struct sluice_exchange *, enum sluice_labels, struct sluice_str,
	struct sluice_str *);
int32_t host_label_next(struct sluice_exchange *, enum sluice_labels, uint32_t *,
	struct sluice_str *, struct sluice_str *);
int32_t host_claim_set(struct sluice_exchange *, struct sluice_str, struct sluice_str);
int32_t host_claim_get(struct sluice_exchange *, struct sluice_str, struct sluice_str *);
int32_t host_claim_next(
	struct sluice_exchange *, uint32_t *, struct sluice_str *, struct sluice_str *);
int32_t host_claims_prepare(
	struct sluice_instance *, struct sluice_str, struct sluice_claims **);
int32_t host_claims_set_prepared(struct sluice_exchange *, const struct sluice_claims *);
int32_t host_method_set(struct sluice_exchange *, struct sluice_str);
int32_t host_violation(
	struct sluice_exchange *, struct sluice_str, struct sluice_str, struct sluice_str);

int32_t host_reroute(struct sluice_exchange *, const struct sluice_target *, struct sluice_str,
	struct sluice_str);

/* host_trailers.c */
/* What stands behind the content, to be read; NULL: none, or not there yet. */
const struct fields *host_trailers(const struct sluice_exchange *x, enum sluice_side side);
/* The same, to be changed; NULL: `why` is what to return. */
struct fields *host_trailers_to_change(
	struct sluice_exchange *x, enum host_call call, enum sluice_side side, int32_t *why);
