/* SPDX-License-Identifier: Apache-2.0 */
/* The policy block-file: refuses the client addresses that a file lists, and reads it again when it
 * has changed.
 *
 *   a timer, on worker 0 -> a job reads the file -> a message to every worker -> its own list
 *
 * Reading may block, so it is a job's. A list is never changed, only replaced: each worker holds a
 * reference to the one that it looks at, and needs no lock. Requests that come before the first
 * list wait for it. */
#define _POSIX_C_SOURCE 200809L
#include <sluice/post.h>
#include <sluice/sluice.h>
#include <sluice/timer.h>
#include <sluice/work.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define WAITING_MAX 1024
#define WAIT_MS     2000

static const struct sluice_post_service *post;
static const struct sluice_timer_service *timer;
static const struct sluice_work_service *work;

/* Immutable but for its references; by malloc, since it goes from thread to thread and may outlive
 * its instance. */
struct list {
	atomic_uint refs;
	size_t count;
	char **addresses; /* sorted; into `text` */
	char *text;
};

/* One binding, as it is configured. */
struct binding {
	char *file;
	uint32_t every_ms;
	struct sluice_work *jobs;
	struct sluice_post_box *box;
};

/* One reading; what came of it is told to worker 0. */
struct reading {
	const char *file;       /* the binding's */
	struct stat seen;       /* of the file, when it was read last */
	struct list *list;      /* NULL: it has not changed, or cannot be read */
	char problem[128];      /* "": none */
	char last_problem[128]; /* said already */
};

/* What one worker has. */
struct worker {
	struct list *list;       /* NULL: none has come yet */
	struct reading *reading; /* worker 0's, while a timer runs; else the job has it */
	size_t waiting_count;
	sluice_token waiting[WAITING_MAX];
};

/* --- lists ----------------------------------------------------------------------------------- */
static void list_unref(struct list *l)
{
	if (!l || atomic_fetch_sub(&l->refs, 1) != 1)
		return;
	free(l->addresses);
	free(l->text);
	free(l);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Takes `text`, of lines, which it cuts up. NULL: no memory. */
static struct list *list_new(char *text)
{
	struct list *l = calloc(1, sizeof(*l));
	size_t words = 1;
	for (const char *c = text; *c; c++)
		words += *c == '\n' || *c == ' ' || *c == '\t' || *c == '\r';
	char **addresses = l ? malloc(words * sizeof(char *)) : NULL;
	if (!addresses) {
		free(l);
		free(text);
		return NULL;
	}
	*l = (struct list){.addresses = addresses, .text = text};
	atomic_init(&l->refs, 1);
	static const char blank[] = " \t\r\n";
	for (char *at = text + strspn(text, blank); *at; at += strspn(at, blank)) {
		l->addresses[l->count++] = at;
		at += strcspn(at, blank);
		if (*at)
			*at++ = '\0';
	}
	qsort(l->addresses, l->count, sizeof(char *), compare);
	return l;
}

static int list_has(const struct list *l, struct sluice_str address)
{
	char key[64];
	char *at = key;
	if (address.n >= sizeof(key))
		return 0;
	memcpy(key, address.p, address.n);
	key[address.n] = '\0';
	return bsearch(&at, l->addresses, l->count, sizeof(char *), compare) != NULL;
}

/* --- reading: a thread of its own ------------------------------------------------------------ */
/* All of it, with a NUL behind it; NULL with errno. */
static char *read_all(const char *name, struct stat *st)
{
	FILE *f = fopen(name, "re");
	if (!f)
		return NULL;
	char *text = fstat(fileno(f), st) == 0 ? calloc(1, (size_t)st->st_size + 1) : NULL;
	size_t n = text ? fread(text, 1, (size_t)st->st_size, f) : 0;
	int is_whole = text && !ferror(f) && n == (size_t)st->st_size;
	fclose(f);
	/* Behind a NUL, half a list would be lost. */
	if (is_whole && !memchr(text, '\0', n))
		return text;
	errno = is_whole ? EILSEQ : EIO;
	free(text);
	return NULL;
}

static int is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void read_file(const struct sluice_call *call, void *arg)
{
	struct reading *r = arg;
	struct stat now = {0};
	(void)call;
	r->problem[0] = '\0';
	if (stat(r->file, &now) == 0 && is_same(&now, &r->seen))
		return;
	char *text = read_all(r->file, &now);
	r->list = text ? list_new(text) : NULL;
	if (r->list)
		r->seen = now;
	else
		snprintf(r->problem, sizeof(r->problem), "the list cannot be read: %s",
			strerror(errno));
}

static void reading_free(const struct sluice_call *call, void *arg)
{
	struct reading *r = arg;
	list_unref(r->list);
	call->host->instance_free(call->instance, r);
}

/* --- telling the workers --------------------------------------------------------------------- */
static void received(const struct sluice_call *call, void *worker_data, void *arg)
{
	struct worker *w = worker_data;
	list_unref(w->list);
	w->list = arg;
	for (size_t i = 0; i < w->waiting_count; i++)
		call->host->resume(w->waiting[i]); /* one whose client has gone is stale: no harm */
	w->waiting_count = 0;
}

static void dropped(void *arg)
{
	list_unref(arg);
}

static void tell(const struct sluice_call *call, struct reading *r)
{
	static const struct sluice_message message = {
		.size = sizeof(message), .received = received, .dropped = dropped};
	const struct binding *b = call->state;
	struct list *l = r->list;
	uint32_t workers = post->worker_count(b->box);
	r->list = NULL;
	atomic_fetch_add(&l->refs, workers);
	if (post->send(b->box, SLUICE_POST_ALL, &message, l) != SLUICE_OK) {
		atomic_fetch_sub(&l->refs, workers);
		memset(&r->seen, 0, sizeof(r->seen)); /* the next reading tells it */
	}
	list_unref(l);
}

static void complain(const struct sluice_call *call, struct reading *r)
{
	if (r->problem[0] && strcmp(r->problem, r->last_problem) != 0)
		call->host->log(call->instance, NULL, SLUICE_LOG_WARN,
			(struct sluice_str){r->problem, strlen(r->problem)});
	memcpy(r->last_problem, r->problem, sizeof(r->problem));
}

static void read_again(const struct sluice_call *call, void *arg);

static void on_read(const struct sluice_call *call, void *worker_data, void *arg)
{
	const struct binding *b = call->state;
	struct worker *w = worker_data;
	struct reading *r = arg;
	complain(call, r);
	if (r->list)
		tell(call, r);
	w->reading = r;
	if (!timer->start(call, b->every_ms, read_again, w))
		call->host->log(call->instance, NULL, SLUICE_LOG_ERROR,
			SLUICE_STR("no timer: the list stays as it is"));
}

static const struct sluice_job job = {
	.size = sizeof(job), .run = read_file, .done = on_read, .dropped = reading_free};

static void read_again(const struct sluice_call *call, void *arg)
{
	const struct binding *b = call->state;
	struct worker *w = arg;
	struct reading *r = w->reading;
	w->reading = NULL;
	if (work->submit(call, b->jobs, &job, r) != SLUICE_OK)
		on_read(call, w, r); /* all threads are busy: the next time */
}

/* --- callbacks ------------------------------------------------------------------------------- */
static int32_t load(const struct sluice_host *host)
{
	post = (const struct sluice_post_service *)host->service(SLUICE_POST_SERVICE);
	timer = (const struct sluice_timer_service *)host->service(SLUICE_TIMER_SERVICE);
	work = (const struct sluice_work_service *)host->service(SLUICE_WORK_SERVICE);
	return SLUICE_OK; /* they are there: requires_services names them */
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	const struct sluice_host *host = call->host;
	struct sluice_str file =
		host->value_string(host->value_get(config, SLUICE_STR("file")), SLUICE_STR(""));
	struct binding *b = host->instance_alloc(call->instance, sizeof(*b));
	(void)previous;
	if (!b)
		return SLUICE_E_FULL;
	*state = b;
	*b = (struct binding){
		.file = host->instance_alloc(call->instance, file.n + 1),
		.every_ms = 1000 * (uint32_t)host->value_integer(
					   host->value_get(config, SLUICE_STR("everySeconds")), 10),
		.jobs = work->open(call->instance, 1),
		.box = post->open(call->instance),
	};
	if (!b->file || !b->jobs || !b->box)
		return SLUICE_E_FULL;
	memcpy(b->file, file.p, file.n);
	b->file[file.n] = '\0';
	return SLUICE_OK;
}

static void release(const struct sluice_call *call)
{
	struct binding *b = call->state;
	call->host->instance_free(call->instance, b->file);
	call->host->instance_free(call->instance, b);
}

static int32_t begin_reading(const struct sluice_call *call)
{
	const struct binding *b = call->state;
	struct reading *r = call->host->instance_alloc(call->instance, sizeof(*r));
	if (!r)
		return SLUICE_E_FULL;
	memset(r, 0, sizeof(*r));
	r->file = b->file;
	int32_t rc = work->submit(call, b->jobs, &job, r);
	if (rc != SLUICE_OK)
		reading_free(call, r);
	return rc;
}

static int32_t worker_start(const struct sluice_call *call, void **worker_data)
{
	const struct binding *b = call->state;
	struct worker *w = call->host->instance_alloc(call->instance, sizeof(*w));
	if (!w)
		return SLUICE_E_FULL;
	memset(w, 0, sizeof(*w));
	int32_t rc = post->worker(b->box) == 0 ? begin_reading(call) : SLUICE_OK;
	if (rc == SLUICE_OK)
		*worker_data = w;
	else
		call->host->instance_free(call->instance, w);
	return rc;
}

static void worker_stop(const struct sluice_call *call, void *worker_data)
{
	struct worker *w = worker_data;
	list_unref(w->list);
	if (w->reading)
		reading_free(call, w->reading);
	call->host->instance_free(call->instance, w);
}

/* Until the first list has come: nobody can be told from anybody yet. */
static int32_t wait_for_list(
	const struct sluice_call *call, struct sluice_exchange *x, struct worker *w)
{
	if (call->host->resumed(x) || w->waiting_count == WAITING_MAX)
		return SLUICE_FAIL;
	sluice_token token = call->host->pause(x, WAIT_MS);
	if (!token)
		return SLUICE_FAIL;
	w->waiting[w->waiting_count++] = token;
	return SLUICE_PAUSE;
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_host *host = call->host;
	struct worker *w = host->worker_data(x);
	if (!w->list)
		return wait_for_list(call, x, w);
	if (!list_has(w->list, host->fact(x, SLUICE_FACT_CLIENT_ADDRESS)))
		return SLUICE_CONTINUE;
	int32_t rc = host->respond_error(
		x, 403, NULL, 0, SLUICE_STR("this address is blocked"), SLUICE_STR("blocked"));
	return rc == SLUICE_OK ? SLUICE_RESPONDED : SLUICE_FAIL;
}

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const char *const services[] = {
		SLUICE_POST_SERVICE, SLUICE_TIMER_SERVICE, SLUICE_WORK_SERVICE, NULL};
	static const struct sluice_policy policy = {
		.size = sizeof(policy),
		.name = "block-file",
		.version = "1.0.0",
		.configure = configure,
		.release = release,
		.worker_start = worker_start,
		.worker_stop = worker_stop,
		.request_head = request_head,
	};
	static const struct sluice_policy *const policies[] = {&policy};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "block-file",
		.version = "1.0.0",
		.policies = policies,
		.requires_services = services,
		.load = load,
	};
	return &plugin;
}
