/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/memory.h"
#include "plan/plan.h"
#include "process/gateway_priv.h"

static const struct position nowhere;

static struct plan *decode(struct plan_writer *w)
{
	char message[160] = "";
	struct buffer bytes;
	struct plan *plan = NULL;
	buffer_init(&bytes, 1 << 20);
	ck_assert_int_eq(plan_writer_finish(w, &bytes), RC_OK);
	ck_assert_int_eq(plan_decode(buffer_str(&bytes), &plan, message, sizeof(message)), RC_OK);
	buffer_deinit(&bytes);
	plan_writer_free(w);
	return plan;
}

static void write_text(struct plan_writer *w, const char *key, const char *value)
{
	plan_write_string(w, key, nowhere, str_of(value));
}

static void write_secrets(struct plan_writer *w)
{
	plan_open_array(w, "secrets", nowhere);
	write_text(w, NULL, "password");
	write_text(w, NULL, "users[1].token");
	plan_close(w);
}

static void write_config(struct plan_writer *w)
{
	plan_open_object(w, "config", nowhere);
	write_text(w, "username", "ann");
	write_text(w, "password", "s3cret-1");
	write_text(w, "key", "x-tenant");
	plan_open_array(w, "users", nowhere);
	plan_open_object(w, NULL, nowhere);
	write_text(w, "token", "public");
	plan_close(w);
	plan_open_object(w, NULL, nowhere);
	write_text(w, "token", "s3cret-2");
	plan_close(w);
	plan_close(w);
	plan_close(w);
}

static void write_plan(struct plan_writer *w)
{
	plan_open_object(w, NULL, nowhere);
	plan_open_object(w, "certificate", nowhere);
	write_text(w, "crt", "the certificate");
	write_text(w, "key", "s3cret-3");
	write_text(w, "passphrase", "s3cret-4");
	plan_close(w);
	plan_open_array(w, "chain", nowhere);
	plan_open_object(w, NULL, nowhere);
	write_text(w, "id", "default/login");
	write_config(w);
	write_secrets(w);
	plan_close(w);
	plan_close(w);
	plan_close(w);
}

START_TEST(shows_everything_but_secrets)
{
	struct plan_writer *w = plan_writer_new();
	write_plan(w);
	struct plan *plan = decode(w);
	struct buffer out;
	buffer_init(&out, 1 << 20);
	dump_plan(plan_root(plan), &out);
	assert_str(buffer_str(&out), "{\n"
				     "  \"certificate\": {\n"
				     "    \"crt\": \"the certificate\",\n"
				     "    \"key\": \"<redacted>\",\n"
				     "    \"passphrase\": \"<redacted>\"\n"
				     "  },\n"
				     "  \"chain\": [\n"
				     "    {\n"
				     "      \"id\": \"default/login\",\n"
				     "      \"config\": {\n"
				     "        \"username\": \"ann\",\n"
				     "        \"password\": \"<redacted>\",\n"
				     "        \"key\": \"x-tenant\",\n"
				     "        \"users\": [\n"
				     "          {\n"
				     "            \"token\": \"public\"\n"
				     "          },\n"
				     "          {\n"
				     "            \"token\": \"<redacted>\"\n"
				     "          }\n"
				     "        ]\n"
				     "      },\n"
				     "      \"secrets\": [\n"
				     "        \"password\",\n"
				     "        \"users[1].token\"\n"
				     "      ]\n"
				     "    }\n"
				     "  ]\n"
				     "}\n");
	buffer_deinit(&out);
	plan_free(plan);
}
END_TEST

UNIT_SUITE(dump, shows_everything_but_secrets)
