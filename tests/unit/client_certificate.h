/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/client_certificate.h - a client's certificate, and what stands in it: made by `openssl req
 * -x509` for CN=till 7, OU=Tills, O=Bücher & Co, with five names that have a text, and one that is of
 * another kind. */
#pragma once

#include "unit.h"

#include "crypto/crypto.h"

static const char client_certificate_base64[] =
	"MIICAjCCAamgAwIBAgIFChssPU4wCgYIKoZIzj0EAwIwODEVMBMGA1UECgwMQsO8Y2hlciAmIENvMQ4w"
	"DAYDVQQLDAVUaWxsczEPMA0GA1UEAwwGdGlsbCA3MB4XDTI2MTEyOTA5MzgxOFoXDTM2MTEyNjA5Mzgx"
	"OFowODEVMBMGA1UECgwMQsO8Y2hlciAmIENvMQ4wDAYDVQQLDAVUaWxsczEPMA0GA1UEAwwGdGlsbCA3"
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE+dtGDUS4SU34gfBBU1dOcwUMSk1O1T97FbFrpHPRjwoo"
	"7X9bG07YLh8u9V32VH8LRMHbisZu8mMydE1c1ITVjKOBnzCBnDB7BgNVHREEdDByghN0aWxsLTcuc2hv"
	"cC5leGFtcGxlhhxzcGlmZmU6Ly9zaG9wLmV4YW1wbGUvdGlsbC83gRJ0aWxsN0BzaG9wLmV4YW1wbGWH"
	"BMAAAgeHECABDbgAAAAAAAAAAAAAAAegEQYDKgMEoAoMCGxlZnQgb3V0MB0GA1UdDgQWBBS58s425orV"
	"ttTJctwmuqbw5UWvIjAKBggqhkjOPQQDAgNHADBEAiAj9w6rFrSdCNfptUx+y55hq3ty5lSad3X4Oc3V"
	"5lMm4AIgF8anJ3OWcRHmiwZYeI/a40wwl3/aLgbxDWsl7kJdArU=";
#define CLIENT_CERTIFICATE_SHA256                                                                  \
	"56e4c6c5a3b617b758dff419fa07119c89caf82742045c97e5e1b1cbd2f1f5ea"

/* In static memory. */
static inline struct str client_certificate_der(void)
{
	static char der[sizeof(client_certificate_base64)];
	size_t n;
	ck_assert_int_eq(base64_decode(str_of(client_certificate_base64), der, &n), RC_OK);
	return str_n(der, n);
}
