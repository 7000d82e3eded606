/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

/* A row leaves out what it does not have. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

static const char shop[] =
	"openapi: 3.0.3\n"
	"info: {title: Shop, version: '1'}\n"
	"paths:\n"
	"  /orders:\n"
	"    get:\n"
	"      parameters:\n"
	"        - {name: limit, in: query, schema: {type: integer, minimum: 1, maximum: 100}}\n"
	"        - {name: tag, in: query, schema: {type: array, items: {type: string, maxLength: "
	"3}}}\n"
	"        - {name: id, in: query, explode: false, schema: {type: array, items: {type: "
	"integer}, "
	"maxItems: 3}}\n"
	"        - {name: pipe, in: query, style: pipeDelimited, schema: {type: array, items: "
	"{type: "
	"integer}}}\n"
	"        - {name: space, in: query, style: spaceDelimited, schema: {type: array, items: "
	"{type: "
	"integer}}}\n"
	"        - {name: filter, in: query, style: deepObject, explode: true, schema: {type: "
	"object, "
	"additionalProperties: false, properties: {min: {type: number}, name: {type: string}}}}\n"
	"        - {name: open, in: query, schema: {type: boolean}}\n"
	"        - {name: mixed, in: query, schema: {oneOf: [{type: integer}, {type: string, "
	"pattern: "
	"'^[0-9]+x?$', minLength: 3}]}}\n"
	"        - {name: q, in: query, allowEmptyValue: true, schema: {type: string, minLength: "
	"2}}\n"
	"        - {name: json, in: query, content: {application/json: {schema: {type: object, "
	"required: [a]}}}}\n"
	"        - {$ref: '#/components/parameters/trace'}\n"
	"        - {name: X-Name, in: header, schema: {type: string}}\n"
	"        - {name: n, in: cookie, schema: {type: integer}}\n"
	"        - {name: spaces, in: query, style: spaceDelimited, explode: true, schema: {type: "
	"array, items: {type: integer}}}\n"
	"        - {name: empties, in: query, allowEmptyValue: true, schema: {type: array, items: "
	"{type: integer}}}\n"
	"        - {name: session, in: cookie, schema: {type: string, format: uuid}}\n"
	"    post:\n"
	"      requestBody:\n"
	"        required: true\n"
	"        content:\n"
	"          application/json: {schema: {$ref: '#/components/schemas/order'}}\n"
	"          application/x-www-form-urlencoded:\n"
	"            schema:\n"
	"              type: object\n"
	"              required: [name]\n"
	"              additionalProperties: false\n"
	"              properties: {name: {type: string}, n: {type: integer}, t: {type: array, "
	"items: "
	"{type: integer}}, s: {type: array, items: {type: string}}}\n"
	"          image/*: {}\n"
	"  /orders/{id}:\n"
	"    parameters:\n"
	"      - {name: id, in: path, required: true, schema: {type: integer, format: int32}}\n"
	"    get: {}\n"
	"    delete:\n"
	"      parameters:\n"
	"        - {name: x-reason, in: header, required: true, schema: {type: array, items: "
	"{enum: [a, "
	"b]}}}\n"
	"    put:\n"
	"      requestBody: {$ref: '#/components/requestBodies/order'}\n"
	"  /orders/latest:\n"
	"    get: {}\n"
	"  /files/{name}.{ext}:\n"
	"    parameters:\n"
	"      - {name: name, in: path, required: true, schema: {type: string, maxLength: 8}}\n"
	"      - {name: ext, in: path, required: true, schema: {enum: [png, 7]}}\n"
	"    get: {}\n"
	"  /ranges/{ids}/of/{range}:\n"
	"    parameters:\n"
	"      - {name: ids, in: path, required: true, schema: {type: array, items: {type: "
	"integer}}}\n"
	"      - {name: range, in: path, required: true, schema: {type: object, properties: {a: "
	"{type: "
	"integer}, b: {type: integer}}, additionalProperties: false}}\n"
	"    get: {}\n"
	"components:\n"
	"  parameters:\n"
	"    trace: {name: X-Trace, in: header, schema: {type: string, pattern: '^[a-f0-9]+$'}}\n"
	"  requestBodies:\n"
	"    order: {content: {'*/*': {schema: {$ref: '#/components/schemas/order'}}}}\n"
	"  schemas:\n"
	"    order:\n"
	"      type: object\n"
	"      required: [id, items]\n"
	"      properties:\n"
	"        id: {type: string, readOnly: true}\n"
	"        note: {type: string, nullable: true}\n"
	"        items: {type: array, minItems: 1, items: {$ref: '#/components/schemas/item'}}\n"
	"    item:\n"
	"      type: object\n"
	"      required: [sku]\n"
	"      properties:\n"
	"        sku: {type: string}\n"
	"        price: {type: number, minimum: 0, exclusiveMinimum: true}\n"
	"        parts: {type: array, items: {$ref: '#/components/schemas/item'}}\n";

/* The configuration with `spec` in it, as JSON; static until the next call. */
static const char *config_of(const char *spec, const char *more)
{
	static char text[1 << 16];
	size_t n = (size_t)snprintf(text, sizeof(text), "{\"spec\":\"");
	for (; *spec && n < sizeof(text) / 2; spec++) {
		if (*spec == '"' || *spec == '\\')
			text[n++] = '\\';
		if (*spec == '\n')
			text[n++] = '\\', text[n++] = 'n';
		else
			text[n++] = *spec;
	}
	snprintf(text + n, sizeof(text) - n, "\"%s}", more);
	return text;
}

static struct visit *described(const char *spec, const char *more)
{
	return visit_policy("spec-validation", "spec-validation", config_of(spec, more));
}

struct ask {
	const char *method, *path, *query;
	const char *name, *value; /* a field */
	const char *body;         /* of the type that the field says; NULL: none */
	const char *complaint;    /* NULL: it passes */
};

static void begin(struct visit *v, const char *method, const char *path, const char *query)
{
	char target[512];
	snprintf(target, sizeof(target), "%s%s%s", path, query ? "?" : "", query ? query : "");
	visit_begin(v, method, target);
}

static enum sluice_test_outcome send_ask(struct visit *v, const struct ask *a)
{
	begin(v, a->method, a->path, a->query);
	if (a->name)
		visit_field(v, REQ, a->name, a->value);
	return visit_send(v, a->body);
}

static void expect(struct visit *v, const struct ask *a)
{
	static const char before[] =
		"{\"error\":\"The request does not fit the API's description: ";
	enum sluice_test_outcome r = send_ask(v, a);
	const char *got = sluice_test_body(v->x, RSP);
	char text[512];
	ck_assert_msg(r == (a->complaint ? SLUICE_TEST_ANSWERED : SLUICE_TEST_PASSED),
		"%s %s?%s %s: %s", a->method, a->path, a->query ? a->query : "",
		a->body ? a->body : "", got);
	if (!a->complaint)
		return;
	snprintf(text, sizeof(text), "%s%s\"}", before, a->complaint);
	ck_assert_str_eq(got, text);
	ck_assert_int_eq(sluice_test_status(v->x), 400);
	ck_assert_str_eq(sluice_test_reason(v->x), "spec_violation");
}

static void expect_all(struct visit *v, const struct ask *asks, size_t count)
{
	for (size_t i = 0; i < count; i++)
		expect(v, &asks[i]);
}
#define EXPECT_ALL(v, asks) expect_all(v, asks, sizeof(asks) / sizeof(asks[0]))

START_TEST(paths_and_methods_are_the_descriptions)
{
	static const struct ask asks[] = {
		{"GET", "/orders", .complaint = NULL},
		{"HEAD", "/orders", .complaint = NULL},
		{"GET", "/orders/", .complaint = "path (it is not in the description)"},
		{"GET", "/", .complaint = "path (it is not in the description)"},
		{"GET", "/orders/1/2", .complaint = "path (it is not in the description)"},
		{"PATCH", "/orders", .complaint = "method (the path does not have it)"},
		{"BREW", "/orders", .complaint = "method (the path does not have it)"},
		{"OPTIONS", "/orders", .complaint = "method (the path does not have it)"},
		{"GET", "/orders/7", .complaint = NULL},
		{"GET", "/orders/x", .complaint = "path parameter \\\"id\\\" (type)"},
		{"GET", "/orders/2147483648", .complaint = "path parameter \\\"id\\\" (maximum)"},
		{"GET", "/orders/%37", .complaint = NULL},
		/* the literal path goes before the template */
		{"GET", "/orders/latest", .complaint = NULL},
		{"PUT", "/orders/latest", .complaint = "method (the path does not have it)"},
		{"GET", "/files/a.b.png", .complaint = "path parameter \\\"ext\\\" (enum)"},
		{"GET", "/files/a.png", .complaint = NULL},
		{"GET", "/files/a.7", .complaint = NULL},
		{"GET", "/files/.png", .complaint = "path (it is not in the description)"},
		{"GET", "/files/a.", .complaint = "path (it is not in the description)"},
		{"GET", "/files/123456789.png",
			.complaint = "path parameter \\\"name\\\" (maxLength)"},
		{"GET", "/files/%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9.png", .complaint = NULL},
		{"GET", "/ranges/1,2,3/of/a,1,b,2", .complaint = NULL},
		{"GET", "/ranges/1,x/of/a,1", .complaint = "path parameter \\\"ids\\\" (/1: type)"},
		{"GET", "/ranges/1/of/c,1",
			.complaint = "path parameter \\\"range\\\" (additionalProperties)"},
	};
	struct visit *v = described(shop, "");
	EXPECT_ALL(v, asks);
	visit_leave(v);
}
END_TEST

START_TEST(parameters_are_read_in_their_style)
{
#define ORDERS "GET", "/orders"
	static const struct ask asks[] = {
		{ORDERS, "limit=5&unknown=1"},
		{ORDERS, "limit=101", .complaint = "query parameter \\\"limit\\\" (maximum)"},
		{ORDERS, "limit=", .complaint = "query parameter \\\"limit\\\" (type)"},
		{ORDERS, "limit", .complaint = "query parameter \\\"limit\\\" (type)"},
		{ORDERS, "limit=1e1"},
		{ORDERS, "limit=%35"},
		{ORDERS, "%6cimit=x", .complaint = "query parameter \\\"limit\\\" (type)"},
		{ORDERS, "limit=05", .complaint = "query parameter \\\"limit\\\" (type)"},
		{ORDERS, "limit=99999999999999999999",
			.complaint = "query parameter \\\"limit\\\" (a number beyond 64 bits)"},
		{ORDERS, "limit=1&limit=2",
			.complaint = "query parameter \\\"limit\\\" (more than one value)"},
		{ORDERS, "q=&q=a", .complaint = "query parameter \\\"q\\\" (more than one value)"},
		{ORDERS, "json=%7B%22a%22:1%7D&json=x",
			.complaint = "query parameter \\\"json\\\" (more than one value)"},
		{ORDERS, "id=1&id=x",
			.complaint = "query parameter \\\"id\\\" (more than one value)"},
		{ORDERS, "pipe=1&pipe=x",
			.complaint = "query parameter \\\"pipe\\\" (more than one value)"},
		{ORDERS, "tag=a&tag=12&tag=b%2Cc"},
		{ORDERS, "tag=a&tag=long",
			.complaint = "query parameter \\\"tag\\\" (/1: maxLength)"},
		{ORDERS, "id=1,2,3"},
		{ORDERS, "id=1,2,3,4", .complaint = "query parameter \\\"id\\\" (maxItems)"},
		{ORDERS, "id=1,x", .complaint = "query parameter \\\"id\\\" (/1: type)"},
		{ORDERS, "id=1,,2", .complaint = "query parameter \\\"id\\\" (/1: type)"},
		{ORDERS, "pipe=1|2%7C3"},
		{ORDERS, "pipe=1,2", .complaint = "query parameter \\\"pipe\\\" (/0: type)"},
		{ORDERS, "space=1%202+3"},
		{ORDERS, "filter[min]=1.5&filter%5Bname%5D=7"},
		{ORDERS, "filter[min]=x",
			.complaint = "query parameter \\\"filter\\\" (/min: type)"},
		{ORDERS, "filter[max]=1",
			.complaint = "query parameter \\\"filter\\\" (additionalProperties)"},
		{ORDERS, "filter[min]=1&filter[min]=2",
			.complaint = "query parameter \\\"filter\\\" (no UTF-8, a property that "
				     "stands twice, or a number beyond 64 bits)"},
		{ORDERS, "filter[a][b]=1",
			.complaint = "query parameter \\\"filter\\\" (not name[property])"},
		{ORDERS, "filter[]=1",
			.complaint = "query parameter \\\"filter\\\" (not name[property])"},
		{ORDERS, "filter[min]=1&filter[min=x",
			.complaint = "query parameter \\\"filter\\\" (not name[property])"},
		{ORDERS, "filter=x",
			.complaint = "query parameter \\\"filter\\\" (not name[property])"},
		{ORDERS, "filters[a][b]=1"},
		{ORDERS, "spaces=1&spaces=2"},
		{ORDERS, "spaces=1%202", .complaint = "query parameter \\\"spaces\\\" (/0: type)"},
		{ORDERS, "empties="},
		{ORDERS, "empties=&empties=x",
			.complaint = "query parameter \\\"empties\\\" (/0: type)"},
		{ORDERS, "empties=1&empties=2"},
		{ORDERS, NULL, "cookie", "n=%35"},
		{ORDERS, NULL, "cookie", "n=%3x", .complaint = "cookie \\\"n\\\" (type)"},
		{ORDERS, NULL, "cookie", "n=+5", .complaint = "cookie \\\"n\\\" (type)"},
		{ORDERS, "open=true"},
		{ORDERS, "open=yes", .complaint = "query parameter \\\"open\\\" (type)"},
		{ORDERS, "mixed=5"},
		{ORDERS, "mixed=500x"},
		{ORDERS, "mixed=5y", .complaint = "query parameter \\\"mixed\\\" (minLength)"},
		{ORDERS, "q="},
		{ORDERS, "q=a", .complaint = "query parameter \\\"q\\\" (minLength)"},
		{ORDERS, "q=a+b"},
		{ORDERS, "json=%7B%22a%22:1%7D"},
		{ORDERS, "json=%7B%7D", .complaint = "query parameter \\\"json\\\" (required)"},
		{ORDERS, "json=x", .complaint = "query parameter \\\"json\\\" (not JSON)"},
		{ORDERS, NULL, "x-trace", "c0ffee"},
		{ORDERS, NULL, "x-trace", "C0FFEE",
			.complaint = "header \\\"X-Trace\\\" (pattern)"},
		{ORDERS, NULL, "cookie", "a=b; session=123e4567-e89b-12d3-a456-426614174000"},
		{ORDERS, NULL, "cookie", "session=1",
			.complaint = "cookie \\\"session\\\" (format)"},
		{ORDERS, NULL, "cookie", "session=123e4567-e89b-12d3-a456-426614174000; session=1",
			.complaint = "cookie \\\"session\\\" (more than one value)"},
		{ORDERS, NULL, "cookie", "a=b;\tsession=1",
			.complaint = "cookie \\\"session\\\" (format)"},
		{ORDERS, NULL, "cookie", "session = 1 ;a=b",
			.complaint = "cookie \\\"session\\\" (format)"},
		{"DELETE", "/orders/1", .complaint = "header \\\"x-reason\\\" (required)"},
		{"DELETE", "/orders/1", NULL, "X-Reason", "a, b"},
		{"DELETE", "/orders/1", NULL, "X-Reason", "a, c",
			.complaint = "header \\\"x-reason\\\" (/1: enum)"},
	};
	struct visit *v = described(shop, "");
	EXPECT_ALL(v, asks);
	visit_leave(v);
}
END_TEST

START_TEST(all_cookie_fields_count)
{
	struct visit *v = described(shop, "");
	visit_begin(v, "GET", "/orders");
	visit_field(v, REQ, "Cookie", "a=1");
	visit_field(v, REQ, "Cookie", "session=1");
	ck_assert_int_eq(visit_send(v, NULL), SLUICE_TEST_ANSWERED);
	visit_leave(v);
}
END_TEST

START_TEST(a_header_that_is_no_list_comes_once)
{
	static const struct {
		const char *method, *path, *name;
		enum sluice_test_outcome result;
	} rows[] = {{"GET", "/orders", "x-name", SLUICE_TEST_ANSWERED},
		{"DELETE", "/orders/1", "x-reason", SLUICE_TEST_PASSED}};
	struct visit *v = described(shop, "");
	for (size_t i = 0; i < 2; i++) {
		visit_begin(v, rows[i].method, rows[i].path);
		visit_field(v, REQ, rows[i].name, "a");
		visit_field(v, REQ, rows[i].name, "b");
		ck_assert_int_eq(visit_send(v, NULL), rows[i].result);
	}
	visit_leave(v);
}
END_TEST

/* The name of the parameter cannot be read any more: it must not count as absent. */
#define ARENA_NEEDS 700000 /* bytes of a name, of a budget of 1 MiB */

START_TEST(without_memory_nothing_passes)
{
	static const char spec[] = "openapi: 3.0.3\npaths:\n  /orders:\n    get:\n"
				   "      parameters:\n"
				   "        - {name: limit, in: query, schema: {type: integer}}\n";
	struct visit *v = described(spec, "");
	size_t size = (2u << 20) + 100, n = 0;
	char *target = malloc(size);
	ck_assert_ptr_nonnull(target);
	n += (size_t)snprintf(target, size, "/orders?");
	for (size_t i = 0; i < ARENA_NEEDS; i += 3)
		n += (size_t)snprintf(target + n, size - n, "%%61");
	snprintf(target + n, size - n, "=1&%%6cimit=x");
	visit_begin(v, "GET", target);
	ck_assert_int_eq(visit_send(v, NULL), SLUICE_TEST_DENIED);
	free(target);
	visit_leave(v);
}
END_TEST

START_TEST(bodies_are_judged_by_their_schemas)
{
#define POST "POST", "/orders", NULL, "Content-Type"
#define JSON "application/json; charset=utf-8"
#define FORM "application/x-www-form-urlencoded"
	static const struct ask asks[] = {
		{POST, JSON, "{\"items\":[{\"sku\":\"a\",\"price\":1}],\"note\":null}"},
		{POST, JSON, "{\"items\":[]}", "body /items (minItems)"},
		{POST, JSON, "{\"note\":\"\"}", "body (required)"},
		{POST, JSON, "{\"items\":[{\"sku\":\"a\",\"price\":0}]}",
			"body /items/0/price (exclusiveMinimum)"},
		{POST, JSON,
			"{\"items\":[{\"sku\":\"a\",\"parts\":[{\"sku\":\"b\",\"parts\":[{\"sku\":"
			"1}]}]}]}",
			"body /items/0/parts/0/parts/0/sku (type)"},
		{POST, JSON, "{\"items\":", "body (not JSON: byte 9)"},
		{POST, JSON, "{\"a\":1,\"a\":2}", "body (not JSON: byte 7)"},
		{POST, JSON, NULL, "body (required)"},
		{POST, JSON, "", "body (required)"},
		{POST, "text/plain", "x", "body (its media type is not in the description)"},
		{POST, "application/json; charset=utf-16", "{}", "body (its charset is not UTF-8)"},
		{POST, "image/png", "\x89PNG"},
		{POST, "image", "x", "body (its media type is not in the description)"},
		{"POST", "/orders", .body = "{}",
			.complaint = "body (one Content-Type is required)"},
		{POST, FORM, "name=a+b&n=5&t=1&t=2"},
		{POST, FORM, "name=5&t=1"},
		{POST, FORM, "name=a&n=5&s=1&s=2"},
		{POST, FORM, "name=a&t=x", "body /t/0 (type)"},
		{POST, FORM, "n=5", "body (required)"},
		{POST, FORM, "name=a&n=x", "body /n (type)"},
		{POST, FORM, "name=a&name=b", "body /name (type)"},
		{POST, FORM, "name=a&z=1", "body (additionalProperties)"},
		{"PUT", "/orders/1", .body = NULL},
		{"PUT", "/orders/1", NULL, "Content-Type", "application/merge-patch+json",
			"{\"items\":1}", "body /items (type)"},
		{"PUT", "/orders/1", NULL, "Content-Type", "text/plain", "{\"items\":1}",
			"body (its media type cannot hold what the schema wants)"},
		{"PUT", "/orders/1", NULL, "Content-Type", "application/xml", "<items/>"},
		{"GET", "/orders", NULL, "Content-Type", JSON, "anything"},
	};
	struct visit *v = described(shop, "");
	EXPECT_ALL(v, asks);
	visit_begin(v, "POST", "/orders");
	visit_field(v, REQ, "Content-Type", JSON);
	visit_field(v, REQ, "Content-Encoding", "gzip");
	ck_assert_int_eq(visit_send(v, "{}"), SLUICE_TEST_ANSWERED);
	ck_assert_uint_eq(sluice_test_status(v->x), 415);
	visit_leave(v);
}
END_TEST

START_TEST(strict_is_about_what_the_description_does_not_have)
{
	static const struct ask asks[] = {
		{"GET", "/orders", "limit=5&tag=a&filter[min]=1"},
		{"GET", "/orders", "limit=5&unknown=1",
			.complaint = "a query parameter that the description does not have"},
		{"GET", "/orders/1", "x=1",
			.complaint = "a query parameter that the description does not have"},
		{"GET", "/orders", NULL, "Content-Type", "text/plain", "x",
			"body (the description has none)"},
	};
	struct visit *v = described(shop, ",\"strictParamsValidation\":true");
	EXPECT_ALL(v, asks);
	visit_leave(v);
}
END_TEST

START_TEST(a_base_path_goes_before_the_descriptions_paths)
{
	static const struct ask asks[] = {
		{"GET", "/shop/v1/orders", .complaint = NULL},
		{"GET", "/orders", .complaint = "path (it is not in the description)"},
		{"GET", "/shop/v1", .complaint = "path (it is not in the description)"},
		{"GET", "/shop/v1orders", .complaint = "path (it is not in the description)"},
	};
	struct visit *v = described(shop, ",\"apiBasePath\":\"/shop/v1/\"");
	EXPECT_ALL(v, asks);
	visit_leave(v);
}
END_TEST

START_TEST(paths_are_compared_as_requests_have_them)
{
	static const char spec[] =
		"openapi: 3.0.3\npaths:\n"
		"  /caf\u00e9/a b: {get: {}}\n"
		"  /x%2dy/%c3%a4/(z;v=1)/: {get: {}}\n"
		"  /100%: {get: {}}\n"
		"  /{n}:\n    parameters: [{name: n, in: path, schema: {type: integer}}]\n"
		"    get: {}\n";
	static const struct ask asks[] = {
		{"GET", "/caf%C3%A9/a%20b", .complaint = NULL},
		{"GET", "/x-y/%C3%A4/(z;v=1)/", .complaint = NULL},
		{"GET", "/100%25", .complaint = NULL},
		{"GET", "/%37", .complaint = NULL},
		{"GET", "/%C3%A4", .complaint = "path parameter \\\"n\\\" (type)"},
	};
	struct visit *v = described(spec, "");
	EXPECT_ALL(v, asks);
	visit_leave(v);
}
END_TEST

START_TEST(what_does_not_block_is_counted_and_passes)
{
	static const struct ask asks[] = {
		{"GET", "/nowhere", NULL, "Content-Type", "text/plain", "x"},
		{"GET", "/orders", "limit=x"},
		{"POST", "/orders", NULL, "Content-Type", JSON, "{}"},
		{"GET", "/orders", "limit=1"},
	};
	struct visit *v = described(shop, ",\"blockOperation\":false");
	EXPECT_ALL(v, asks);
	ck_assert_uint_eq(sluice_test_counter(v->t, 0, "spec_violations"), 3);
	visit_leave(v);
}
END_TEST

START_TEST(takes_json_and_openapi_3_1)
{
	static const char spec[] =
		"{\"openapi\":\"3.1.0\",\"paths\":{\"/a\":{\"post\":{\"requestBody\":{\"content\":"
		"{\"application/json\":{\"schema\":{\"type\":[\"object\",\"null\"],\"$ref\":"
		"\"#/components/schemas/a%20b\",\"minProperties\":1}}}}}},\"/b\":{\"$ref\":"
		"\"#/paths/~1a\"}},\"components\":{\"schemas\":{\"a b\":{\"properties\":{\"x\":"
		"{\"const\":1}}}}}}";
	static const struct ask asks[] = {
		{"POST", "/a", NULL, "Content-Type", JSON, "{\"x\":1}"},
		{"POST", "/a", NULL, "Content-Type", JSON, "null"},
		{"POST", "/a", NULL, "Content-Type", JSON, "{\"x\":2}", "body /x (const)"},
		{"POST", "/a", NULL, "Content-Type", JSON, "{}", "body (minProperties)"},
		{"POST", "/b", NULL, "Content-Type", JSON, "1", "body (type)"},
	};
	struct visit *v = described(spec, "");
	EXPECT_ALL(v, asks);
	visit_leave(v);
}
END_TEST

START_TEST(a_wrong_description_is_a_configuration_error_with_its_place)
{
#define HEAD "openapi: 3.0.0\npaths:\n  /a/{b}:\n"
#define BARE "openapi: 3.0.0\npaths:\n  /a:\n"
	static const struct {
		const char *spec, *message;
	} rows[] = {
		{"openapi: [", "line 2, column 1: did not find expected node content"},
		{"{\"openapi\": }", "line 1, column 13: unexpected token near '}'"},
		{"- a\n", "#: expected an OpenAPI description"},
		{"swagger: '2.0'\n", "#: openapi: expected 3.0 or 3.1, as a string"},
		{"openapi: 3.0.0\n", "#: paths: expected an object"},
		{"a: 1\na: 2\n", "line 2, column 1: duplicate key"},
		{"a: &a [*a]\n", "line 1, column 4: nested too deeply, or within itself"},
		{"a: 1\n---\nb: 2\n", "line 2, column 1: a second document"},
		{"a: {<<: {}}\n", "line 1, column 5: merge keys are not supported"},
		{"a: .inf\n", "line 1, column 4: a number that JSON does not have"},
		{"openapi: 3.0.0\npaths: {a: {}}\n", "#/paths/a: a path starts with a slash"},
		{"openapi: 3.0.0\npaths: {'/{a': {}}\n", "#/paths/~1{a: braces that do not match"},
		{"openapi: 3.0.0\npaths: {'/{a}{b}': {}}\n",
			"#/paths/~1{a}{b}: two parameters without anything between, or too many"},
		{"openapi: 3.0.0\npaths: {'/{a}': {}, '/{b}': {}}\n",
			"#/paths/~1{b}: the same as another path, but for names"},
		{HEAD "    get: {parameters: [{name: c, in: path}]}\n",
			"#/paths/~1a~1{b}/get/parameters/0: the path has no {c}"},
		{HEAD "    get: {parameters: [{name: b, in: body}]}\n",
			"#/paths/~1a~1{b}/get/parameters/0: in: expected path, query, header or "
			"cookie"},
		{HEAD "    get: {parameters: [{name: b, in: path, style: matrix}]}\n",
			"#/paths/~1a~1{b}/get/parameters/0: the style \"matrix\" is not supported "
			"here"},
		{HEAD "    get: {parameters: [{$ref: '#/x'}]}\n",
			"#/paths/~1a~1{b}/get/parameters/0: nothing is at \"#/x\""},
		{HEAD "    get: {parameters: [{$ref: '#/paths/~1a~1%7Bb%7D/get/parameters/0'}]}\n",
			"#/paths/~1a~1%7Bb%7D/get/parameters/0: references that go in circles"},
		{HEAD "    get: {parameters: [{name: q, in: query, schema: {maxLenght: 1}}]}\n",
			"#/paths/~1a~1{b}/get/parameters/0/schema: unknown keyword \"maxLenght\"; "
			"did you mean \"maxLength\"?"},
		{HEAD "    get: {parameters: [{name: q, in: query, schema: {pattern: '('}}]}\n",
			"#/paths/~1a~1{b}/get/parameters/0/schema/pattern: no regular expression: "
			"missing closing parenthesis"},
		{HEAD "    get: {parameters: [{name: q, in: query, content: {a/b: {}, c/d: "
		      "{}}}]}\n",
			"#/paths/~1a~1{b}/get/parameters/0/content: expected one media type"},
		{BARE "    post: {requestBody: {content: {a/b: {schema: {$ref: 'o.yaml#/a'}}}}}\n",
			"#/paths/~1a/post/requestBody/content/a~1b/schema/$ref: expected a "
			"string that begins with \"#\""},
		/* what would pass without being checked, or be checked in another way than it is
		   meant */
		{HEAD "    get: {}\n", "#/paths/~1a~1{b}/get: {b} has no parameter"},
		{BARE "    get: {parameters: [{name: q, in: query}]}\n",
			"#/paths/~1a/get/parameters/0: a parameter without a schema"},
		{BARE "    get: {parameters: [{name: q, in: query, content: {a/json: {}}}]}\n",
			"#/paths/~1a/get/parameters/0/content/a~1json: only JSON can be checked in "
			"a "
			"parameter"},
		{BARE "    get: {parameters: [{name: q, in: query, content: {text/json: {}}}]}\n",
			"#/paths/~1a/get/parameters/0: a parameter without a schema"},
		{BARE "    get: {parameters: [{name: q, in: query, schema: {}, content: {}}]}\n",
			"#/paths/~1a/get/parameters/0: expected a schema or content, not both"},
		{BARE "    get: {parameters: [{name: q, in: query, style: deepObject, schema: "
		      "{type: "
		      "string}}]}\n",
			"#/paths/~1a/get/parameters/0: the style \"deepObject\" is for objects"},
		{BARE "    get: {parameters: [{name: q, in: query, schema: {}}, {name: q, in: "
		      "query, "
		      "schema: {}}]}\n",
			"#/paths/~1a/get/parameters: \"q\" stands twice"},
		{BARE "    $ref: '#/paths/~1b'\n    get: {}\n  /b: {get: {}}\n",
			"#/paths/~1a: \"get\" beside a $ref"},
		{BARE "    post: {requestBody: {content: {a/b: {}, a/b;v=1: {}}}}\n",
			"#/paths/~1a/post/requestBody/content/a~1b;v=1: the same media type as "
			"another, but for parameters"},
		{BARE "    post: {requestBody: {content: {application/x-www-form-urlencoded: "
		      "{schema: "
		      "{}, encoding: {a: {explode: false}}}}}}\n",
			"#/paths/~1a/post/requestBody/content/application~1x-www-form-urlencoded"
			"/encoding/a: only the style \"form\", exploded, is supported in forms"},
		{"openapi: 3.1.0\njsonSchemaDialect: "
		 "https://json-schema.org/draft-07/schema\npaths: {}\n",
			"#: jsonSchemaDialect: expected that of OpenAPI 3.1, or draft 2020-12"},
		{"openapi: 3.0.0\npaths: {'/a?b=c': {}}\n",
			"#/paths/~1a?b=c: a path has no query and no fragment"},
		{"openapi: 3.0.0\npaths: {/a//b: {}}\n",
			"#/paths/~1a~1~1b: no request has an empty segment, or one of dots"},
		{"openapi: 3.0.0\npaths: {/%61: {}, /a: {}}\n",
			"#/paths/~1a: the same as another path, but for names"},
		{"a: 1e999\n", "line 1, column 4: a number that JSON does not have"},
		{"a: 0xfffffffffffffffff\n", "line 1, column 4: a number that JSON does not have"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_refused("spec-validation", "spec-validation", config_of(rows[i].spec, ""),
			"config.spec", rows[i].message);
}
END_TEST

START_TEST(aliases_expand_so_far_and_no_further)
{
	static const char bomb[] = "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
				   "b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
				   "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
				   "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
				   "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n"
				   "f: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
	static const char shared[] = "openapi: 3.0.0\npaths:\n  /a: &a {get: {}}\n  /b: *a\n";
	static const struct ask asks[] = {{"GET", "/b", .complaint = NULL}};
	struct visit *v = described(shared, "");
	EXPECT_ALL(v, asks);
	visit_leave(v);
	assert_refused("spec-validation", "spec-validation", config_of(bomb, ""), "config.spec",
		"too large");
}
END_TEST

START_TEST(yaml_scalars_are_those_of_its_core_schema)
{
	static const char spec[] =
		"openapi: 3.1.0\npaths:\n  /a:\n    post:\n      requestBody:\n        content:\n"
		"          application/json:\n            schema: {enum: [yes, ~, True, 0x1F, "
		"0o17, "
		"+7, 007, .5, 2., 1e3, '1', 2020-01-01, 12345678901234567890, 9007199254740993, "
		"9223372036854775807, 0xfffffffffffffff]}\n";
	static const struct ask asks[] = {
#define ENUM(value, complaint) {"POST", "/a", NULL, "Content-Type", JSON, value, complaint}
		ENUM("\"yes\"", NULL), ENUM("null", NULL), ENUM("true", NULL), ENUM("31", NULL),
		ENUM("15", NULL), ENUM("7", NULL), ENUM("0.5", NULL), ENUM("2", NULL),
		ENUM("1000", NULL), ENUM("\"1\"", NULL), ENUM("\"2020-01-01\"", NULL),
		/* exactly, as the bounds of int64 are written */
		ENUM("9223372036854775807", NULL), ENUM("9223372036854775806", "body (enum)"),
		ENUM("9007199254740993", NULL), ENUM("9007199254740992", "body (enum)"),
		ENUM("1152921504606846975", NULL), ENUM("1.2345678901234567e19", NULL),
		ENUM("1", "body (enum)"), ENUM("\"\"", "body (enum)"),
		ENUM("false", "body (enum)")};
	struct visit *v = described(spec, "");
	EXPECT_ALL(v, asks);
	visit_leave(v);
}
END_TEST

static const char small[] =
	"openapi: 3.0.3\npaths:\n  /orders:\n"
	"    get: {parameters: [{name: limit, in: query, schema: {type: integer}}]}\n"
	"    post:\n      requestBody:\n        content:\n          application/json:\n"
	"            schema: {type: object, properties: {items: {type: array, minItems: 1}}}\n"
	"  /orders/{id}: {get: {parameters: [{name: id, in: path, schema: {type: integer}}]}}\n";

/* What does not fit never passes. */
static void scenario(void *arg)
{
	static const struct ask asks[] = {{"GET", "/nowhere"}, {"GET", "/orders", "limit=x"},
		{"GET", "/orders/7", "unknown=1"},
		{"POST", "/orders", NULL, "Content-Type", JSON, "{\"items\":[]}"}};
	(void)arg;
	struct visit *v = visit_try("spec-validation", "spec-validation",
		config_of(small, ",\"strictParamsValidation\":true"));
	for (size_t i = 0; i < COUNT(asks) && !sluice_test_problems(v->t)[0]; i++)
		ck_assert_int_ne(send_ask(v, &asks[i]), PASSED);
	visit_leave(v);
}

START_TEST(never_fails_open)
{
	assert_faults(scenario, NULL);
}
END_TEST

UNIT_SUITE(spec_validation, paths_and_methods_are_the_descriptions,
	parameters_are_read_in_their_style, all_cookie_fields_count,
	a_header_that_is_no_list_comes_once, without_memory_nothing_passes,
	bodies_are_judged_by_their_schemas, strict_is_about_what_the_description_does_not_have,
	a_base_path_goes_before_the_descriptions_paths, paths_are_compared_as_requests_have_them,
	what_does_not_block_is_counted_and_passes, takes_json_and_openapi_3_1,
	a_wrong_description_is_a_configuration_error_with_its_place,
	aliases_expand_so_far_and_no_further, yaml_scalars_are_those_of_its_core_schema,
	never_fails_open)
