/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_ciphers.h - what names of cipher suites stand for, one by one.
 *
 * OpenSSL passes over the names of a list that it does not know, and its lists have operators. Here a
 * name is a name: one of OpenSSL's own (ECDHE-RSA-AES128-GCM-SHA256) or of the RFCs
 * (TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256), and nothing else ever gets into its lists.
 */
#pragma once

#include "base/str.h"

enum tls_cipher_use {
	TLS_CIPHER_UNKNOWN,  /* nobody's name */
	TLS_CIPHER_LEFT_OUT, /* a suite that no connection of this gateway can have */
	TLS_CIPHER_USABLE
};

/* `why` gets one sentence, unless it is usable. Any thread. */
enum tls_cipher_use tls_cipher_judge(struct str name, bool is_server, char *why, size_t size);
/* Whether every name of "A:B" is known, and of each version of which there are names one is usable;
 * if not, `message` says what is wrong. */
bool tls_ciphers_check(struct str names, bool is_server, char *message, size_t size);
