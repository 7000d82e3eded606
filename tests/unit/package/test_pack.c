/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "support.h"

#include "package/pack.h"
#include "package/zstd_frame.h"

#include <stdio.h>

static struct fake_elf plugin(uint16_t machine, struct str definition)
{
	struct fake_elf e;
	fake_elf_of(&e, definition);
	fake_elf_header(&e)->e_machine = machine;
	return e;
}

static struct buffer pack_of(const struct str *plugins, size_t count)
{
	struct pack_source source = {.name = STR("quota"),
		.version = STR("1.2.0"),
		.readme = STR("# Quota\n"),
		.plugins = plugins,
		.plugin_count = count};
	struct buffer out;
	char message[300] = "";
	buffer_init(&out, PACK_BYTES_MAX);
	ck_assert_msg(pack_write(&source, &out, message, sizeof(message)) == RC_OK, "%s", message);
	return out;
}

static struct buffer pack_for_two(void)
{
	struct fake_elf a = plugin(EM_X86_64, STR("kind: X\n"));
	struct fake_elf b = plugin(EM_AARCH64, STR("kind: X\n"));
	struct str plugins[] = {buffer_str(&a.bytes), buffer_str(&b.bytes)};
	struct buffer out = pack_of(plugins, 2);
	fake_elf_deinit(&a);
	fake_elf_deinit(&b);
	return out;
}

START_TEST(a_pack_holds_a_plugin_for_each_machine)
{
	static const char *const names[] = {"README.md", "aarch64/quota.so", "manifest.json",
		"policy.yaml", "sbom.cdx.json", "x86_64/quota.so"};
	struct buffer bytes = pack_for_two();
	struct pack p;
	char message[300] = "";
	ck_assert_msg(pack_read(buffer_str(&bytes), &p, message, sizeof(message)) == RC_OK, "%s",
		message);
	ck_assert_str_eq(p.name, "quota");
	ck_assert_str_eq(p.version, "1.2.0");
	ck_assert_uint_eq(p.file_count, 6);
	for (size_t i = 0; i < 6; i++)
		ck_assert_msg(str_eq(p.files[i].name, str_of(names[i])), "%.*s",
			STR_ARG(p.files[i].name));
	assert_str(pack_find(&p, STR("policy.yaml"))->bytes, "kind: X\n");
	ck_assert_ptr_null(pack_find(&p, STR("other")));
	pack_deinit(&p);
	buffer_deinit(&bytes);
}
END_TEST

START_TEST(the_same_plugins_in_another_order_are_the_same_pack)
{
	struct fake_elf a = plugin(EM_X86_64, STR("kind: X\n"));
	struct fake_elf b = plugin(EM_AARCH64, STR("kind: X\n"));
	struct str turned[] = {buffer_str(&b.bytes), buffer_str(&a.bytes)};
	struct buffer one = pack_for_two(), other = pack_of(turned, 2);
	ck_assert(str_eq(buffer_str(&one), buffer_str(&other)));
	fake_elf_deinit(&a);
	fake_elf_deinit(&b);
	buffer_deinit(&one);
	buffer_deinit(&other);
}
END_TEST

static void assert_not_packed(const struct str *plugins, size_t count, const char *expected)
{
	struct pack_source source = {.name = STR("quota"),
		.version = STR("1.2.0"),
		.plugins = plugins,
		.plugin_count = count};
	struct buffer out;
	char message[300] = "";
	buffer_init(&out, PACK_BYTES_MAX);
	ck_assert_int_eq(pack_write(&source, &out, message, sizeof(message)), RC_INVALID);
	ck_assert_str_eq(message, expected);
	buffer_deinit(&out);
}

START_TEST(plugins_that_do_not_belong_together_are_not_packed)
{
	struct fake_elf a = plugin(EM_X86_64, STR("kind: X\n"));
	struct fake_elf b = plugin(EM_AARCH64, STR("kind: Y\n"));
	struct fake_elf c = plugin(EM_SPARCV9, STR("kind: X\n"));
	struct str two[] = {buffer_str(&a.bytes), buffer_str(&b.bytes)};
	struct str same[] = {buffer_str(&a.bytes), buffer_str(&a.bytes)};
	struct str foreign[] = {buffer_str(&c.bytes)};
	struct str text[] = {STR("hello")};
	assert_not_packed(
		two, 2, "the plugin for x86_64 has another definition than the one for aarch64");
	assert_not_packed(same, 2, "x86_64/quota.so is there twice");
	assert_not_packed(
		foreign, 1, "a plugin is for a machine on which no gateway runs: ELF machine 43");
	assert_not_packed(text, 1, "a plugin is not an ELF file");
	assert_not_packed(text, 0, "0 plugins; 1 to 16 are possible");
	fake_elf_deinit(&a);
	fake_elf_deinit(&b);
	fake_elf_deinit(&c);
}
END_TEST

static void assert_refused(struct str bytes, const char *expected)
{
	struct pack p;
	char message[300] = "";
	ck_assert_int_eq(pack_read(bytes, &p, message, sizeof(message)), RC_INVALID);
	ck_assert_str_eq(message, expected);
}

/* The pack again, with one file more, another one, or one less (bytes without a pointer). */
static void assert_refused_with(const char *name, struct str content, const char *expected)
{
	struct buffer bytes = pack_for_two(), tar, out;
	struct pack p;
	struct tar_file files[TAR_FILES_MAX];
	char message[300];
	size_t n = 0;
	ck_assert_int_eq(pack_read(buffer_str(&bytes), &p, message, sizeof(message)), RC_OK);
	for (size_t i = 0; i < p.file_count; i++)
		if (!str_eq(p.files[i].name, str_of(name)))
			files[n++] = p.files[i];
	if (content.p)
		files[n++] = (struct tar_file){str_of(name), content};
	buffer_init(&tar, PACK_BYTES_MAX);
	buffer_init(&out, PACK_BYTES_MAX);
	ck_assert_int_eq(tar_write(files, n, &tar, message, sizeof(message)), RC_OK);
	zstd_compress(buffer_str(&tar), &out);
	assert_refused(buffer_str(&out), expected);
	buffer_deinit(&tar);
	buffer_deinit(&out);
	pack_deinit(&p);
	buffer_deinit(&bytes);
}

START_TEST(what_the_manifest_does_not_say_is_refused)
{
	assert_refused_with("extra", STR("x"), "has other files than its manifest lists");
	assert_refused_with("README.md", STR_EMPTY, "has other files than its manifest lists");
	assert_refused_with("README.md", STR("# Other\n"),
		"is damaged: README.md has another digest than the manifest says");
	assert_refused_with("manifest.json", STR_EMPTY, "has no manifest.json");
	assert_refused_with("manifest.json", STR("{"),
		"manifest.json:1:2: the text ends too early");
	assert_refused_with("manifest.json", STR("{\"format\": \"x\"}"),
		"is of another format than sluice-pack/1");
	assert_refused_with("manifest.json", STR("{\"format\": \"sluice-pack/1\"}"),
		"has no name or no version in its manifest");
}
END_TEST

START_TEST(what_is_no_pack_is_refused)
{
	struct buffer bytes = pack_for_two(), twice;
	assert_refused(STR("hello"), "is not compressed by zstd, or cut short");
	assert_refused(str_n(bytes.p, bytes.n - 1), "is not compressed by zstd, or cut short");
	buffer_init(&twice, 2 * bytes.n);
	buffer_add(&twice, buffer_str(&bytes));
	buffer_add(&twice, buffer_str(&bytes));
	assert_refused(buffer_str(&twice), "goes on behind its end");
	buffer_deinit(&twice);
	buffer_deinit(&bytes);
}
END_TEST

/* Whichever byte of it is another one: it is not taken, or means nothing (the frame has a checksum,
 * and some bits in its head that nobody reads). */
START_TEST(a_damaged_pack_is_refused)
{
	struct buffer bytes = pack_for_two();
	struct pack whole, p;
	char message[300];
	size_t refused = 0;
	ck_assert_int_eq(pack_read(buffer_str(&bytes), &whole, message, sizeof(message)), RC_OK);
	for (size_t i = 0; i < bytes.n; i++) {
		bytes.p[i] ^= 0x10;
		if (pack_read(buffer_str(&bytes), &p, message, sizeof(message)) == RC_OK) {
			ck_assert(str_eq(buffer_str(&p.tar), buffer_str(&whole.tar)));
			pack_deinit(&p);
		} else {
			refused++;
		}
		bytes.p[i] ^= 0x10;
	}
	ck_assert_uint_gt(refused, bytes.n - 10);
	pack_deinit(&whole);
	buffer_deinit(&bytes);
}
END_TEST

UNIT_SUITE(pack, a_pack_holds_a_plugin_for_each_machine,
	the_same_plugins_in_another_order_are_the_same_pack,
	plugins_that_do_not_belong_together_are_not_packed,
	what_the_manifest_does_not_say_is_refused, what_is_no_pack_is_refused,
	a_damaged_pack_is_refused)
