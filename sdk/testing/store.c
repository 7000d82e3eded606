/* SPDX-License-Identifier: Apache-2.0 */
/* How stores take the questions of policies. */
#include "testing/testing_priv.h"

#include "services/services.h"

static enum services_store chosen; /* the only gateway's */

static enum services_store take_question(void)
{
	bool is_gone = testing_fault_is_here(FAULT_STORE);
	bool is_late = testing_fault_is_here(FAULT_STORE_LATE);
	return is_gone ? STORE_UNAVAILABLE : is_late ? STORE_LATE : chosen;
}

void testing_store_open(void)
{
	chosen = STORE_AT_ONCE;
	services_store_by(take_question);
}

void sluice_test_store(struct sluice_test *t, enum sluice_test_store how)
{
	(void)t;
	chosen = how == SLUICE_TEST_STORE_LATE   ? STORE_LATE
		 : how == SLUICE_TEST_STORE_GONE ? STORE_UNAVAILABLE
						 : STORE_AT_ONCE;
}
