/* SPDX-License-Identifier: Apache-2.0 */
/* check.h - one pass over an XML document that checks it and its structure.
 *
 * libxml2's SAX parser without DTDs, entities of their own, network and files. What is quadratic in
 * it (attributes of one element, namespaces in scope) is bounded: prescan.h before,
 * CHECK_NAMESPACES_MAX here.
 *
 * Threads      any; nothing is kept between documents.
 */
#pragma once

#include "sluice/sluice.h"

/* "Unlimited" ends here: libxml2's own bound is 256. */
#define CHECK_DEPTH_MAX 255
/* In scope at a time: each prefixed name is looked up among them. */
#define CHECK_NAMESPACES_MAX 256

struct xml_limits {
	/* Each -1 or the largest that passes; lengths in characters. */
	int64_t depth, attributes, children, text_length, attribute_length, comment_length;
};

enum xml_verdict {
	XML_FINE,
	XML_MALFORMED,
	XML_DOCTYPE,
	XML_CHARSET,
	XML_DEPTH,
	XML_ATTRIBUTES,
	XML_CHILDREN,
	XML_TEXT_LENGTH,
	XML_ATTRIBUTE_LENGTH,
	XML_COMMENT_LENGTH,
	XML_NAMESPACES,
	XML_MEMORY
};

/* `charset`: what the Content-Type says; empty: the document tells, or UTF-8. *line is where the
 * verdict fell, from 1. */
enum xml_verdict xml_check(const struct xml_limits *limits, struct sluice_str document,
	struct sluice_str charset, long *line);
