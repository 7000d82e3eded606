/* SPDX-License-Identifier: Apache-2.0 */
/* handover/trail.h - what a gateway leaves behind when it dies: one shared memory per gateway.
 *
 * The supervisor makes it, tells in it what the gateway shall be, and reads it when the gateway has
 * died. A gateway that has lost its mind may have written anything: whoever reads it bounds every
 * index and every text.
 *
 * Threads      a thread's row is written by that thread; labels by the main thread; `orders` by the
 *              supervisor before the gateway starts.
 */
#pragma once

#include "base/str.h"

#include <stdatomic.h>

/* Rows: the main thread, the workers, and the threads for jobs. */
#define TRAIL_JOBS        (256 + 1)
#define TRAIL_THREADS     (TRAIL_JOBS + 8)
#define TRAIL_LABELS      131072
#define TRAIL_LABEL_BYTES 88
#define TRAIL_CALLBACKS   32
/* As many as a store has plans, and one. */
#define TRAIL_AVOIDED 4

/* Who stands behind the number in a breadcrumb. */
struct trail_label {
	uint64_t key;                 /* of exactly this plugin, binding and configuration */
	uint32_t plugin; /* the number of its plugin; 0: unknown, or it is one itself */
	char text[TRAIL_LABEL_BYTES]; /* the binding's id */
};

struct trail_thread {
	_Alignas(64) _Atomic uint64_t word; /* policy/breadcrumb.h; 0: no plugin code */
	_Atomic uint64_t turns;             /* of its loop */
	_Atomic uint32_t exchanges;         /* under way */
	_Atomic int32_t tid;                /* 0: no such thread yet */
};

enum trail_role { TRAIL_ACTIVE, TRAIL_STANDBY };
enum trail_end { TRAIL_END_UNKNOWN, TRAIL_END_FAULT, TRAIL_END_HANG, TRAIL_END_OUTSIDE };

struct trail_orders {
	uint32_t role;        /* enum trail_role */
	uint64_t avoid_plans[TRAIL_AVOIDED]; /* do not serve these again; 0: none */
	uint64_t resume_plan; /* what the one before served: serve it before reading the folder; 0:
				 none */
	int64_t spawned_us;   /* monotonic */
};

struct trail {
	uint64_t magic;
	struct trail_orders orders;
	_Atomic uint64_t plan;         /* hash of the plan that serves; 0: none */
	_Atomic uint32_t fatal_thread; /* row + 1 of the thread whose end it was; 0: unknown */
	_Atomic uint32_t fatal_end;    /* enum trail_end */
	char callbacks[TRAIL_CALLBACKS][16]; /* names, by number */
	struct trail_thread threads[TRAIL_THREADS];
	struct trail_label labels[TRAIL_LABELS]; /* [0] is nobody */
};

/* Whether that plan is among those to avoid; 0 never is. */
bool trail_avoids(const struct trail_orders *orders, uint64_t plan);
/* Whether any is. */
bool trail_avoids_any(const struct trail_orders *orders);

/* A new one as a descriptor (close-on-exec) and mapped; NULL with errno. */
struct trail *trail_create(int *fd);
/* Maps one that somebody made; NULL when it is none. */
struct trail *trail_map(int fd);
/* In own memory, for a gateway without a supervisor. */
struct trail *trail_private(void);
void trail_unmap(struct trail *t);

/* What a dead gateway's trail says. */
struct trail_suspect {
	uint64_t key; /* 0: nobody */
	char label[TRAIL_LABEL_BYTES];
	char callback[16];
	uint64_t plugin_key; /* 0: unknown */
	char plugin[TRAIL_LABEL_BYTES];
	enum trail_end end;
};
void trail_read_suspect(const struct trail *t, struct trail_suspect *out);
uint64_t trail_exchanges(const struct trail *t);
