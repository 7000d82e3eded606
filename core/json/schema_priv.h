/* SPDX-License-Identifier: Apache-2.0 */
/* json/schema_priv.h - the compiled form of a schema, and what its files share.
 *
 * Every place of the schema's text that is a schema becomes a node, once; a $ref is a pointer to
 * the node of its target. The nodes that judge the same value as a node (its $ref, allOf, if and so
 * on) are its `in_place` nodes.
 *
 * Invariants   N1  following in_place nodes from any node ends after at most SCHEMA_CHAIN_MAX
 * nodes.
 */
#pragma once

#include "json/json_priv.h"
#include "json/schema.h"

/* Together with JSON_DEPTH_MAX this bounds recursion; real schemas have chains of up to 5. */
#define SCHEMA_CHAIN_MAX 32
/* Nodes visited in one check: a second or so. A schema of alternatives in alternatives asks for
 * more. */
#define SCHEMA_STEPS_MAX 10000000
/* The same for one message, which a worker checks: some 50 ms. */
#define SCHEMA_MESSAGE_STEPS_MAX 1000000

struct node;

struct node_list {
	struct node **items;
	size_t count;
};
struct named_node {
	struct str name;
	void *pattern; /* of patternProperties: what hooks made of the name */
	struct node *node;
};
struct named_list {
	struct named_node *items;
	size_t count;
};
struct name_list {
	struct str *items;
	size_t count;
};
struct dependent_names {
	struct str name;
	struct name_list needs;
};
struct range {
	uint64_t min, max;
};

static inline bool range_holds(struct range r, uint64_t n)
{
	return n >= r.min && n <= r.max;
}

struct node {
	struct node *next_made;
	struct str place; /* "#/properties/a" */
	bool is_false;    /* the schema `false` */
	unsigned types;   /* TYPE_BIT of each allowed type; 0: any */
	/* Borrowed from the schema's text; NULL when absent. */
	const struct json_value *values; /* enum: an array */
	const struct json_value *constant;
	const struct json_value *fallback; /* default */
	const struct json_value *multiple_of;
	const struct json_value *minimum, *maximum;
	const struct json_value *exclusive_minimum, *exclusive_maximum;
	struct range length, item_count, member_count, contains_count;
	struct str pattern_text;
	struct str title; /* what `not` calls it */
	void *pattern;
	struct str format;
	bool is_secret;
	bool is_nullable, is_read_only;         /* of OpenAPI */
	const struct json_value *discriminator; /* likewise; borrowed; NULL: none */
	struct named_list selectable;           /* by it: alternatives, by what the property says */

	struct node_list prefix_items;
	struct node *items, *contains;
	bool unique_items;

	struct named_list properties, pattern_properties, dependent_schemas;
	struct node *additional, *property_names;
	struct name_list required;
	struct dependent_names *dependent_required;
	size_t dependent_required_count;

	struct node *ref;
	struct node_list all_of, any_of, one_of;
	struct node *negated, *when, *then, *otherwise; /* not, if, then, else */

	struct node_list in_place;
	unsigned height;     /* of the chain of in_place nodes; 0: not visited yet */
	bool is_on_path;     /* being visited */
	bool is_secret_here; /* it or one of its chain is_secret */
};

struct pattern_link {
	struct pattern_link *next;
	void *pattern;
};

struct schema {
	struct json_builder *memory; /* owned: nodes and the text */
	struct schema_hooks hooks;
	struct json_value text;            /* the copy, unless a document was given */
	const struct json_value *document; /* where references lead */
	enum schema_dialect dialect;
	struct node *root;
	struct node *first;            /* of all nodes, by next_made */
	struct pattern_link *patterns; /* owned by the hooks */
};

#define TYPE_BIT(type) (1u << (type))
/* "number": JSON_REAL stands for it, and includes the integers. */
#define TYPE_COUNT (JSON_OBJECT + 1)

/* --- compiling ------------------------------------------------------------------------------- */
struct pending_ref;

struct compiler {
	struct schema *schema;
	struct map *nodes;          /* address of the value in the text -> node */
	struct node *first, **last; /* all of them, in the order made */
	struct pending_ref *pending;
	char *message;
	size_t message_size;
};

/* The node of a place of the text, made if it is new. NULL: the message is set. */
struct node *compile_node(struct compiler *c, const struct json_value *v, struct str place);
/* Sets the message and returns false. */
bool compile_fail(struct compiler *c, struct str place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* `place`/`key`, escaped as a JSON pointer (RFC 6901). */
struct str place_join(struct compiler *c, struct str place, struct str key);
struct str place_join_index(struct compiler *c, struct str place, size_t index);
/* Reads one keyword of an object schema into its node. */
bool compile_keyword(struct compiler *c, struct node *n, const struct json_member *m);
/* Notes that `n` refers to `ref`; compile_pending finds the targets of all. */
bool compile_ref(
	struct compiler *c, struct node *n, const struct json_value *ref, struct str place);
bool compile_pending(struct compiler *c);
/* Fills in_place of all nodes and proves N1. */
bool compile_chains(struct compiler *c);
/* What stands at a JSON pointer behind the "#", percent-decoded; NULL: nothing. */
const struct json_value *find_target(struct compiler *c, struct str fragment);
/* The dialects of OpenAPI: *taken when the keyword means something else there, or nothing. */
bool compile_openapi_keyword(
	struct compiler *c, struct node *n, const struct json_member *m, bool *taken);
/* What needs all keywords of a schema, and then all schemas. */
void compile_openapi_node(struct node *n, const struct json_value *v);
bool compile_openapi_all(struct compiler *c);
/* The node of a place of the text, if it has one. */
struct node *compiled_node(struct compiler *c, const struct json_value *v);
/* The last token of a JSON pointer in a fragment, decoded; an empty view when it is none. */
struct str last_token(struct compiler *c, struct str fragment);
/* Whether there is a keyword of that name, and the one it may have been meant to be, or NULL. */
bool keyword_exists(struct str name);
const char *keyword_nearest(struct str name);

/* --- walking an instance --------------------------------------------------------------------- */
enum place_kind { PLACE_ROOT, PLACE_MEMBER, PLACE_ITEM };

/* Where in the instance: lives on the stack of who walks. */
struct place {
	const struct place *up;
	enum place_kind kind;
	struct str key;
	uint32_t index;
	const struct json_value *value;
	bool is_secret; /* its value must not be shown */
	unsigned depth;
};

/* "rateLimits[0].maximumRequests" */
struct str place_path(const struct place *p, struct json_builder *memory);
/* Whether a valid instance has this value, without telling problems. */
bool schema_accepts(const struct schema *s, const struct node *n, const struct json_value *v);
enum rc name_match(const struct schema *s, const struct named_node *pattern, struct str name);
/* The node of `properties` for that name, or NULL. */
struct node *node_property(const struct node *n, struct str name);

/* --- problems -------------------------------------------------------------------------------- */
enum problem_kind { PROBLEM_TYPE, PROBLEM_VALUE, PROBLEM_OTHER };

struct problem {
	struct problem *next;
	struct schema_problem told;
	enum problem_kind kind;
	unsigned types;          /* PROBLEM_TYPE: what was expected */
	const struct node *node; /* PROBLEM_VALUE: whose enum or const */
	unsigned depth;          /* of its place */
};
struct problem_list {
	struct problem *head;
	struct problem **tail;
	size_t count;
};

struct check {
	const struct schema *schema;
	struct json_builder *memory; /* NULL: nobody listens, the first problem ends the check */
	struct problem_list *problems;
	struct buffer text;
	uint64_t steps;
	size_t room;         /* for so many more problems; then the check gives up */
	const char *keyword; /* that is being checked */
};

void problem_list_init(struct problem_list *list);
void problem_list_append(struct problem_list *list, struct problem_list *from);
/* Adds what stands in c->text, of PROBLEM_OTHER; false. */
bool problem_add(struct check *c, const struct node *n, const struct place *p,
	const struct json_member *member);
/* The same with a message of its own, unless nobody listens. */
bool problem_addf(struct check *c, const struct node *n, const struct place *p, const char *format,
	...) __attribute__((format(printf, 4, 5)));

bool check_type(struct check *c, const struct node *n, const struct place *p);
bool check_value(struct check *c, const struct node *n, const struct place *p);
bool check_number(struct check *c, const struct node *n, const struct place *p);
bool check_string(struct check *c, const struct node *n, const struct place *p);
/* Whether a pattern matched; when that could not be told, the check gives up. */
bool check_matches(struct check *c, enum rc match);

/* Each tells one kind of problem; they return false. */
bool tell_type(struct check *c, const struct node *n, const struct place *p);
bool tell_value(struct check *c, const struct node *n, const struct place *p);
bool tell_bound(struct check *c, const struct node *n, const struct place *p, const char *keyword,
	const char *relation, const struct json_value *bound);
bool tell_count(struct check *c, const struct node *n, const struct place *p, struct range allowed,
	uint64_t found, const char *what);
bool tell_string(struct check *c, const struct node *n, const struct place *p, const char *keyword,
	const char *expected, struct str detail);
bool tell_unknown(
	struct check *c, const struct node *n, const struct place *p, const struct json_member *m);
bool tell_forbidden(struct check *c, const struct node *n, const struct place *p);
/* No alternative fits: branches[i] holds the problems of alternatives->items[i]. */
bool tell_no_alternative(struct check *c, const struct node *n, const struct place *p,
	const struct node_list *alternatives, struct problem_list *branches);
