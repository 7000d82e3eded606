/* SPDX-License-Identifier: Apache-2.0 */
/* What frames do is shown by tests/framing; here: where the service may be called. */
#include "unit.h"

#include "rig.h"

#include "sluice/frames.h"

START_TEST(outside_of_its_callbacks_every_call_is_refused)
{
	struct rig *r = rig_new(1);
	const struct sluice_frames_service *frames =
		registry_service(r->registry, SLUICE_FRAMES_SERVICE);
	struct sluice_frame f = {.size = sizeof(f)};
	ck_assert_ptr_nonnull(frames);
	ck_assert_int_eq(frames->frame(NULL, &f), SLUICE_E_WRONG_CALLBACK);
	ck_assert_int_eq(frames->replace(NULL, SLUICE_STR("x")), SLUICE_E_WRONG_CALLBACK);
	ck_assert_int_eq(frames->drop(NULL), SLUICE_E_WRONG_CALLBACK);
	ck_assert_int_eq(frames->inject(NULL, 1, 1, SLUICE_STR("")), SLUICE_E_WRONG_CALLBACK);
	ck_assert_int_eq(frames->close(NULL, 1, 1000, SLUICE_STR("")), SLUICE_E_WRONG_CALLBACK);
	ck_assert_int_eq(frames->collect(NULL, 10), SLUICE_E_WRONG_CALLBACK);
	rig_free(r);
}
END_TEST

UNIT_SUITE(frames, outside_of_its_callbacks_every_call_is_refused)
