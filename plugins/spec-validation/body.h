/* SPDX-License-Identifier: Apache-2.0 */
/* body.h - what a request's body has to be: at the head its media type, at its end its content. */
#pragma once

#include "parameter.h"

enum body_verdict {
	BODY_UNFIT = 0,
	BODY_PASS = 1,  /* nothing to be looked at in it */
	BODY_CHECK = 2, /* *media says how, once it is there */
	BODY_ENCODED = 3
};

/* At the head. */
enum body_verdict body_judge_head(struct check *c, int is_strict, const struct media **media);
/* 1: fits; 0: the complaint says why not; -1: no memory. */
int body_check(struct check *c, const struct media *media, struct sluice_str bytes);
