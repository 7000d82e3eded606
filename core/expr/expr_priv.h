/* SPDX-License-Identifier: Apache-2.0 */
/* expr/expr_priv.h - the tree of a compiled expression, and what evaluating it shares.
 *
 * The parser (parse.c, parse_primary.c) makes nodes through build.c, which checks the types that
 * are known without data and folds constants; eval.c, select.c and functions*.c are how nodes are
 * evaluated.
 *
 * Invariants   N1  node->types has every type that its value may have.
 *              N2  no node is deeper than EXPR_DEPTH_MAX.
 *              N3  a constant node's value belongs to the expression.
 */
#pragma once

#include "base/check.h"
#include "expr/expr.h"
#include "expr/regex.h"

/* --- sets of types --------------------------------------------------------------------------- */
enum {
	NUL = 1u << EXPR_NULL,
	BOOL = 1u << EXPR_BOOL,
	NUM = 1u << EXPR_NUMBER,
	TEXT = 1u << EXPR_STRING,
	ARR = 1u << EXPR_ARRAY,
	OBJ = 1u << EXPR_OBJECT,
	ANY = NUL | BOOL | NUM | TEXT | ARR | OBJ,
	SCALAR = TEXT | NUM | BOOL,
	PATTERN = 1u << 6, /* a regular expression, which is no value */
};

/* Where an operand stands, for messages; an argument is OPERAND_ARGUMENT + its index. */
enum operand { OPERAND_ONLY, OPERAND_LEFT, OPERAND_RIGHT, OPERAND_ARGUMENT };

/* --- errors ---------------------------------------------------------------------------------- */
void error_set(struct expr_error *error, size_t offset, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* "upper expects a string, found number". */
void error_set_type(struct expr_error *error, size_t offset, const char *who, unsigned operand,
	unsigned expected, unsigned found);
/* unknown WHAT "name"; did you mean "x"? Or, where nothing is near and few are known, all of these.
 */
void error_set_unknown(struct expr_error *error, size_t offset, const char *what, struct str name,
	const char *const *known, size_t known_count);

/* --- nodes ----------------------------------------------------------------------------------- */
struct eval;
struct node;
typedef bool eval_fn(struct eval *v, const struct node *n, struct expr_value *out);

/* What the builder has to know of a node; how it is evaluated is its eval_fn. */
enum node_kind {
	NODE_PLAIN,
	NODE_CONSTANT,
	NODE_PATTERN, /* a /.../ literal, not yet compiled */
	NODE_ROOT,
	NODE_MEMBER,
	NODE_JOIN, /* one of ++, and, or: takes any number of operands */
};

struct node {
	eval_fn *eval;
	enum node_kind kind;
	uint16_t offset; /* of its first byte in the source */
	uint16_t at;     /* of its operator or name */
	uint8_t types;   /* N1 */
	uint8_t depth;   /* N2 */
	bool is_bare;    /* a comparison or logical operator without parentheses */
	uint32_t count;
	struct node **args; /* `count` of them */
	union {
		struct expr_value value;         /* NODE_CONSTANT; NODE_PATTERN: its text */
		const struct function *function; /* a call */
		const struct operation *operation;
		struct str *keys; /* of an object literal, `count` of them */
		struct {
			struct str name;
			enum expr_root root;
			bool is_query; /* of a field */
		} member;              /* a root, a member of a root, a field */
	} u;
	struct regex *regex; /* of a call whose argument is a pattern */
};

/* --- evaluation ------------------------------------------------------------------------------ */
struct eval {
	const struct expr_scope *scope; /* NULL while folding */
	struct arena *arena;
	struct expr_error *error;
	size_t steps; /* that are left */
	size_t bytes; /* that are left */
	enum rc rc;   /* why it failed */
	bool has_payload;
	struct expr_value payload;
};

/* One step for each node. */
bool eval_node(struct eval *v, const struct node *n, struct expr_value *out);
/* Fails with RC_INVALID and a message at `offset`. */
bool eval_fail(struct eval *v, size_t offset, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
bool eval_fail_type(struct eval *v, const struct node *operand, const char *who, unsigned place,
	unsigned expected, enum expr_type found);
/* Work that depends on data: `n` steps; EXPR_BYTES_PER_STEP bytes that are looked at are one. */
#define EXPR_BYTES_PER_STEP 256
bool eval_charge(struct eval *v, size_t n);
bool eval_charge_bytes(struct eval *v, size_t bytes);
/* Memory of the result, counted; NULL: failed with RC_FULL. */
void *eval_alloc(struct eval *v, size_t size);
/* A bound is reached: the evaluation fails. Always false. */
bool eval_fail_full(struct eval *v, const char *what);
/* eval_node, and its type is one of `expected`. */
bool eval_operand(struct eval *v, const struct node *operand, const char *who, unsigned place,
	unsigned expected, struct expr_value *out);

/* Text that grows in the arena; sticky failure in the eval. */
struct text {
	struct eval *v;
	char *p;
	size_t n;
	size_t capacity;
};
bool text_add(struct text *t, struct str s);
/* A string, number or boolean as text. */
bool text_add_scalar(struct text *t, const struct expr_value *value);

/* Items that grow in the arena. */
struct items {
	struct eval *v;
	struct expr_value *p;
	uint32_t n;
	uint32_t capacity;
};
bool items_add(struct items *items, struct expr_value value);
struct expr_value items_value(const struct items *items);

/* == with its cost charged; false in *equal when they differ. */
bool eval_equal(
	struct eval *v, const struct expr_value *a, const struct expr_value *b, bool *equal);
const struct expr_value *object_get(const struct expr_value *object, struct str key);

static inline struct expr_value value_null(void)
{
	return (struct expr_value){.type = EXPR_NULL};
}

static inline struct expr_value value_bool(bool b)
{
	return (struct expr_value){.type = EXPR_BOOL, .u.boolean = b};
}

static inline struct expr_value value_number(double d)
{
	return (struct expr_value){.type = EXPR_NUMBER, .u.number = d};
}

static inline struct expr_value value_string(struct str s)
{
	return (struct expr_value){.type = EXPR_STRING, .u.string = s};
}

/* --- numbers and characters ------------------------------------------------------------------ */
#define NUMBER_TEXT_BYTES 32
/* The shortest text that reads back as the same number. */
size_t number_write(double d, char out[NUMBER_TEXT_BYTES]);
/* Sign, digits, fraction, exponent, and nothing else; finite. */
MUST_USE enum rc number_read(struct str s, double *out);
/* The bytes of the character at the start of s (not empty): a bad byte is a character. */
size_t character_bytes(struct str s);

/* --- functions ------------------------------------------------------------------------------- */
#define FUNCTION_ARGS_MAX 3
typedef bool function_fn(
	struct eval *v, const struct node *call, struct expr_value *args, struct expr_value *out);
/* What a null as the first argument gives, without a call. */
enum on_null { NULL_IS_ARGUMENT, NULL_GIVES_NULL, NULL_GIVES_FALSE };
struct function {
	const char *name;
	uint8_t arg_count;
	uint8_t takes[FUNCTION_ARGS_MAX];
	uint8_t gives;
	enum on_null on_null;
	function_fn *call;
	bool is_volatile;
	bool is_anchored; /* its pattern has to match the whole text */
};
/* NULL, and the error, when there is none. */
const struct function *function_find(struct str name, size_t offset, struct expr_error *error);
bool function_is_known(struct str name);
/* A scalar or null as another type; null stays null. */
bool eval_coerce(struct eval *v, const struct node *operand, const struct expr_value *value,
	enum expr_type target, struct expr_value *out);

function_fn call_contains, call_starts_with, call_ends_with, call_matches, call_split_by,
	call_join_by, call_replace, call_substring_before, call_substring_after,
	call_substring_before_last, call_substring_after_last, call_lower, call_upper, call_trim,
	call_index_of;

/* --- building -------------------------------------------------------------------------------- */
struct expr_block;
struct expr {
	const struct node *root;
	unsigned want;
	unsigned uses;
	struct expr_block *blocks; /* owned: nodes, strings, constants */
	struct regex **regexes;    /* owned */
	uint32_t regex_count;
};

struct builder {
	struct expr *expr;
	struct str source;
	struct expr_error *error;
	struct arena scratch; /* of folding */
};

/* Infix and prefix operators. */
struct operation {
	const char *name;
	eval_fn *eval;
	enum node_kind kind;
	int code; /* for its eval_fn */
	uint8_t takes;
	uint8_t gives;
	bool is_bare;
};
enum comparison { IS_LESS, IS_LESS_OR_EQUAL, IS_GREATER, IS_GREATER_OR_EQUAL };

void *expr_alloc(struct expr *e, size_t size);
struct str expr_copy(struct expr *e, struct str s);
/* Lists of nodes double their memory whenever *n is a power of two. */
void node_list_add(struct expr *e, struct node ***list, uint32_t *n, struct node *added);

/* All of these return NULL, with the error set, when the operands do not fit. */
struct node *build_constant(struct builder *b, size_t offset, struct expr_value value);
struct node *build_pattern(struct builder *b, size_t offset, struct str pattern);
struct node *build_root(struct builder *b, size_t offset, enum expr_root root);
struct node *build_array(struct builder *b, size_t offset, struct node **items, uint32_t count);
struct node *build_object(
	struct builder *b, size_t offset, struct str *keys, struct node **items, uint32_t count);
struct node *build_call(struct builder *b, size_t offset, struct str name, size_t name_at,
	struct node **args, uint32_t count);
struct node *build_if(struct builder *b, size_t offset, struct node *parts[3]);
struct node *build_unary(struct builder *b, size_t offset, const char *name, struct node *operand);
struct node *build_binary(
	struct builder *b, size_t at, const char *name, struct node *left, struct node *right);
/* `key` names a member or counts an item; `to`, which may be NULL, ends a range. */
struct node *build_select(
	struct builder *b, size_t at, struct node *base, struct node *key, struct node *to);
/* Whether a node is a value at all: a pattern, `attributes` and the like are not. */
bool build_check_value(struct builder *b, const struct node *n);
/* For the two files that build. */
struct node *build_node(struct builder *b, size_t offset, size_t at, eval_fn *eval);
/* False when the tree gets too deep, or it is no value (a pattern is let through). */
bool build_add_operand(struct builder *b, struct node *n, struct node *operand);
/* The constant that a node of constants is; a node that is none is given back. So is a ++ that
 * takes more than `join_bytes_max`: a long chain would copy what it has at each step. */
#define FOLDED_JOIN_BYTES_MAX 1024
struct node *build_fold(struct builder *b, struct node *n, size_t join_bytes_max);

/* --- parsing --------------------------------------------------------------------------------- */
/* The whole source; NULL with the error. */
struct node *parse_source(struct builder *b);

/* --- how nodes are evaluated ----------------------------------------------------------------- */
eval_fn eval_constant, eval_payload, eval_member, eval_field, eval_field_named, eval_vars_named,
	eval_array, eval_object, eval_if, eval_not, eval_negate, eval_and, eval_or, eval_default,
	eval_arithmetic, eval_comparison, eval_equality, eval_coercion, eval_concat, eval_remove,
	eval_select, eval_range, eval_call;
