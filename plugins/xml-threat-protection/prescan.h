/* SPDX-License-Identifier: Apache-2.0 */
/* prescan.h - what has to be known before libxml2 sees a document.
 *
 * Linear, and context-free but for quotes: for what is well-formed it is exact, the rest is
 * libxml2's to refuse.
 */
#pragma once

#include "check.h"

/* Attributes and namespace declarations of one element: libxml2 compares each with each. */
#define PRESCAN_ATTRIBUTES_MAX 512

/* XML_FINE, XML_CHARSET, XML_DOCTYPE, XML_ATTRIBUTES, XML_MALFORMED. Charsets: UTF-8, US-ASCII,
 * ISO-8859-1, in which bytes below 128 mean what they seem to. */
enum xml_verdict xml_prescan(struct sluice_str document, struct sluice_str charset);
/* Whether that is ISO-8859-1, and not UTF-8 or its part US-ASCII. */
int xml_charset_is_latin1(struct sluice_str charset);
