/* SPDX-License-Identifier: Apache-2.0 */
#include "sluicectl/admin_client.h"

#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include <curl/curl.h>

static size_t on_body(char *bytes, size_t size, size_t count, void *owner)
{
	struct buffer *body = owner;
	buffer_add(body, str_n(bytes, size * count));
	return body->failed ? 0 : size * count;
}

/* curl's own text for a missing socket speaks of a server; the operator knows a folder. */
static bool is_reachable(const char *socket_path, char error[ADMIN_ERROR_BYTES])
{
	if (strlen(socket_path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
		snprintf(error, ADMIN_ERROR_BYTES, "%s: the path is too long for a socket",
			socket_path);
		return false;
	}
	if (access(socket_path, R_OK | W_OK) == 0)
		return true;
	if (errno == ENOENT)
		snprintf(error, ADMIN_ERROR_BYTES,
			"%s: no gateway runs with this state folder (--state DIR)", socket_path);
	else
		snprintf(error, ADMIN_ERROR_BYTES, "%s: %s", socket_path, strerror(errno));
	return false;
}

/* Who takes an answer that goes on. */
struct follower {
	CURL *curl;
	bool (*take)(void *owner, struct str bytes);
	void *owner;
	struct admin_answer *answer;
};

static size_t on_more(char *bytes, size_t size, size_t count, void *owner)
{
	struct follower *f = owner;
	curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &f->answer->status);
	if (f->answer->status != 200)
		return on_body(bytes, size, count, &f->answer->body);
	return f->take(f->owner, str_n(bytes, size * count)) ? size * count : 0;
}

static CURLcode perform(CURL *curl, const char *socket_path, enum admin_method method,
	const char *path, long timeout_s, struct admin_answer *answer, struct follower *follower)
{
	char *url = heap_printf("http://localhost%s", path);
	curl_easy_setopt(curl, CURLOPT_URL, url); /* copied */
	free(url);
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket_path);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, timeout_s);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, follower ? on_more : on_body);
	curl_easy_setopt(
		curl, CURLOPT_WRITEDATA, follower ? (void *)follower : (void *)&answer->body);
	if (method != ADMIN_GET) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, 0L);
	}
	if (method == ADMIN_PUT)
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "PUT");
	CURLcode code = curl_easy_perform(curl);
	if (code == CURLE_OK)
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
	return code;
}

static enum rc request(const char *socket_path, enum admin_method method, const char *path,
	long timeout_s, struct admin_answer *answer, struct follower *follower,
	char error[ADMIN_ERROR_BYTES])
{
	answer->status = 0;
	buffer_init(&answer->body, ADMIN_ANSWER_BYTES_MAX);
	if (!is_reachable(socket_path, error))
		return RC_NOT_FOUND;
	CURL *curl = curl_easy_init();
	if (!curl) {
		snprintf(error, ADMIN_ERROR_BYTES, "libcurl cannot start");
		return RC_IO;
	}
	if (follower)
		follower->curl = curl;
	CURLcode code = perform(curl, socket_path, method, path, timeout_s, answer, follower);
	curl_easy_cleanup(curl);
	if (code == CURLE_OK)
		return RC_OK;
	if (answer->body.failed)
		snprintf(error, ADMIN_ERROR_BYTES, "%s: the answer is too large", socket_path);
	else if (code == CURLE_COULDNT_CONNECT)
		snprintf(error, ADMIN_ERROR_BYTES,
			"%s: nobody listens: the gateway has ended without a clean stop",
			socket_path);
	else
		snprintf(error, ADMIN_ERROR_BYTES, "%s: %s", socket_path, curl_easy_strerror(code));
	return RC_IO;
}

enum rc admin_request(const char *socket_path, enum admin_method method, const char *path,
	long timeout_s, struct admin_answer *answer, char error[ADMIN_ERROR_BYTES])
{
	return request(socket_path, method, path, timeout_s, answer, NULL, error);
}

enum rc admin_follow(const char *socket_path, const char *path,
	bool (*take)(void *owner, struct str bytes), void *owner, struct admin_answer *answer,
	char error[ADMIN_ERROR_BYTES])
{
	struct follower f = {.take = take, .owner = owner, .answer = answer};
	return request(socket_path, ADMIN_POST, path, 0, answer, &f, error);
}

void admin_add_escaped(struct buffer *path, struct str text)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		bool is_plain =
			(c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		if (is_plain)
			buffer_add_char(path, (char)c);
		else
			buffer_addf(path, "%%%02X", c);
	}
}
