/* SPDX-License-Identifier: Apache-2.0 */
/* base/limits.h - every bound, with its reason: what is not configured at all, and what holds until
 * a configuration says otherwise (plan/plan_limits.h names those).
 *
 * Anchors: what nginx, HAProxy and Envoy allow by default; RFC 9112 and RFC 9110 where they ask. */
#pragma once

/* Heads. Envoy 60 KiB and 100 fields, HAProxy 15 KiB and 101; 431 (request) or 502 (response). */
#define LIMIT_HEAD_BYTES        65536
#define LIMIT_FIELDS            128
#define LIMIT_FIELD_NAME_BYTES  256
#define LIMIT_FIELD_VALUE_BYTES 16384
/* The request line's target; nginx 8 KiB; 414. */
#define LIMIT_TARGET_BYTES 8192
#define LIMIT_METHOD_BYTES 32
/* Trailers: allow-listed and few; 400 or 502. */
#define LIMIT_TRAILER_BYTES  8192
#define LIMIT_TRAILER_FIELDS 32
/* Chunk extensions of one message (RFC 9112 7.1.1 asks for a limit). */
#define LIMIT_CHUNK_EXTENSION_BYTES 4096
/* How many proxies one request may name: nobody stands behind so many, and each costs a look. */
#define LIMIT_FORWARDED_HOPS 64
/* A PROXY header: 232 bytes with its addresses, and what balancers add about TLS and the like. */
#define LIMIT_PROXY_HEADER_BYTES 4096
/* Interim responses to one request; then 502. */
#define LIMIT_INTERIM_RESPONSES 8

/* The memory of one exchange: head, rewritten head, policies' copies. */
#define LIMIT_EXCHANGE_ARENA_BYTES (1u << 20)
/* What a policy may buffer of a body unless it asks for less; the vendor's figure; 413. */
#define LIMIT_BUFFERED_BODY_BYTES (1u << 20)

/* When half of the connections that a service may have are in use, so much of a declared body has
 * to be there before one more is taken for it: clients who drip hold none. */
#define LIMIT_GATHERED_BODY_BYTES 8192

/* Back-pressure per direction of an exchange: a sender stops above high and goes on below low.
 * Together with a receive block these bound a slow peer to under 512 KiB of user memory. */
#define LIMIT_QUEUE_HIGH_BYTES 131072
#define LIMIT_QUEUE_LOW_BYTES  32768

/* What the kernel queues for a client beyond what is on its way. It would take up to 4 MiB for each
 * client that does not read, of memory that no limit of ours sees; half of this is enough for a
 * turn's delay at 6 Gbit/s. */
#define LIMIT_UNSENT_BYTES 131072

/* Fairness: what one stream may take of a loop turn. */
#define LIMIT_TURN_BYTES    262144
#define LIMIT_TURN_MESSAGES 16
/* Steps of clients' handshakes in a turn, 150 us each with P-256: who is connected waits no longer. */
#define LIMIT_TURN_HANDSHAKES 16
/* Deferred sends: flushed early when so many streams wait, or one stream holds so much. */
#define LIMIT_DIRTY_STREAMS      64
#define LIMIT_DIRTY_STREAM_BYTES 32768

/* Requests answered on one client connection, and its age, before it is closed cleanly: state that
 * leaks, and clients that moved to another address of the name, are bounded. nginx 1000, 1 h. */
#define LIMIT_REQUESTS_PER_CONNECTION 10000

/* HTTP/2. Streams and windows are Envoy's figures for an edge; the peer may have so much content on
 * its way of one stream, and of one connection. */
#define LIMIT_H2_STREAMS                 100
#define LIMIT_H2_STREAM_WINDOW_BYTES     65535
#define LIMIT_H2_CONNECTION_WINDOW_BYTES (1u << 20)
/* Crumbs of one cookie (RFC 9113 8.2.3), which do not count as fields, and the whole. */
#define LIMIT_H2_COOKIE_CRUMBS 256
#define LIMIT_H2_COOKIE_BYTES  16384
/* A head that is so many times too large is not read on: its block is decoded for nobody. */
#define LIMIT_H2_EXCESS_FACTOR 4
/* What one connection may cost us beyond its requests; excess is GOAWAY(ENHANCE_YOUR_CALM).
 * Streams that are reset, whoever caused it (nghttp2 1000 and 33 a second); and which part of the
 * last ones may be reset in their first second (Envoy 50 %). */
#define LIMIT_H2_RESETS            200
#define LIMIT_H2_RESETS_PER_SECOND 33
#define LIMIT_H2_PREMATURE_PERCENT 50
#define LIMIT_H2_PREMATURE_MIN     100
/* Frames that move nothing (HAProxy's glitches): at three quarters no new stream is taken. */
#define LIMIT_H2_GLITCHES            1000
#define LIMIT_H2_GLITCHES_PER_SECOND 100
/* Frames of one block, entries of one SETTINGS, answers that the peer does not read. nghttp2's. */
#define LIMIT_H2_CONTINUATIONS 8
#define LIMIT_H2_FRAME_BYTES   16384 /* SETTINGS_MAX_FRAME_SIZE, which is not offered larger */
#define LIMIT_H2_SETTINGS      32
#define LIMIT_H2_ACKS_UNSENT   1000
/* The library's memory: 100 heads of 40 KiB that wait to be sent; commonly 30 KiB. */
#define LIMIT_H2_MEMORY_BYTES (4u << 20)
/* Content that waits to be sent: of a connection, of which a stream gets a part of what is left; of
 * one stream, as much as is received at once; and what a stream may have waiting even so, lest those
 * that stand still stop the others. A hundred that stand still cost 2 MiB with all that belongs to
 * them, and ten that move go as fast as with more (measured in system calls). */
#define LIMIT_H2_OUT_BYTES        589824
#define LIMIT_H2_OUT_PART         2
#define LIMIT_H2_STREAM_OUT_BYTES 65536
#define LIMIT_H2_STREAM_OUT_MIN   2048
/* Less room than this is not worth a receive where there is soon more; RECEIVE_ROOM_MIN. */
#define LIMIT_H2_ROOM_MIN 16384
/* What stands of each answer at the upstream's end meanwhile: a receive block, or a page where its
 * client takes nothing. */
#define LIMIT_H2_ANSWER_BYTES 65536
/* How long it waits for a window that the peer keeps shut. */
#define LIMIT_H2_STALL_MS 30000

/* Connections to a service, and who waits for one, per worker and without a circuit breaker:
 * Envoy's figures; 503. */
#define LIMIT_SERVICE_CONNECTIONS 1024
#define LIMIT_SERVICE_WAITERS     1024
/* Connections of HTTP/2 whose peers allow no stream, while somebody waits: one behind a balancer may be
 * better than another, ten of them are not. */
#define LIMIT_BARREN_CONNECTIONS 2
/* Services that have metrics of their own; all others share theirs. Six series each in the largest
 * family stay within METRICS_SERIES_MAX, about 8 KiB of memory each and 4 KiB of text: of more a
 * scrape would carry tens of megabytes. */
#define LIMIT_SERVICES_MEASURED 1600
/* Bindings that have metrics of their own on a worker; all others share theirs. 16 lines of about
 * 150 bytes each in a scrape. */
#define LIMIT_BINDINGS_MEASURED 2000

/* How long the metrics of an API that is gone can still be scraped, at least: Prometheus asks once
 * a minute where nothing else is said, and takes a value as current for five. */
#define LIMIT_STALE_SERIES_MS 150000

/* What a gateway keeps of its words to a supervisor that does not listen: one for each address that
 * it can have open, twice. */
#define LIMIT_SUPERVISION_MESSAGES 8192

#define LIMIT_WORKERS 256
/* Threads for jobs of policies: they wait more than they compute. */
#define LIMIT_JOB_THREADS 8
/* Texts that plugins keep across restarts: a key set has 4 KiB, and few gateways ask fifty servers. */
#define LIMIT_KEPT_BYTES 1048576
#define LIMIT_KEPT_FILES 256
/* Messages that wait for one worker of one binding. */
#define LIMIT_INBOX_LETTERS 65536
/* A policy's own request and its response without their contents: what heads of 64 KiB come to,
 * with the tables of their fields. */
#define LIMIT_CALL_HEAD_BYTES (256u << 10)
/* Copies of requests that a worker has under way: with their bodies 16 MiB, and connections that a
 * dead mirror may keep. */
#define LIMIT_MIRRORS            128
#define LIMIT_BINDINGS_PER_CHAIN 64
/* Parts of requests that one policy may call secret, and values of them that are remembered of one
 * exchange: a line of the log is compared with each. What is shorter than the shortest API key is
 * no secret, and is likely to be a word. */
#define LIMIT_SECRETS_PER_INSTANCE 16
#define LIMIT_SECRETS_PER_EXCHANGE 32
#define LIMIT_SECRET_BYTES_MIN     8
#define LIMIT_APIS                 100000
#define LIMIT_PLAN_BYTES           (256u << 20)
/* `sluice check` lets the policies of a configuration try theirs so long: 10,000 bindings take one
 * second. */
#define LIMIT_PLAN_CHECK_SECONDS 20
/* Bindings that it can name when they end it, at 104 bytes each; of more it names the plugin. */
#define LIMIT_BINDINGS_NAMED 16384

/* Times, in milliseconds. Head: absolute from its first byte. */
#define LIMIT_HEAD_MS          10000
#define LIMIT_TLS_HANDSHAKE_MS 10000
/* A balancer sends its PROXY header with the connection. */
#define LIMIT_PROXY_HEADER_MS      5000
#define LIMIT_KEEPALIVE_IDLE_MS    60000
#define LIMIT_KEEPALIVE_MAX_AGE_MS 3600000
#define LIMIT_CONNECT_MS           3000
/* A connection that is one client's own waits for its next request. */
#define LIMIT_PRIVATE_IDLE_MS 10000
/* RFC 8305 section 8: then the next address of a name is tried beside the one before; later where a
 * TLS handshake is a part of the attempt. */
#define LIMIT_NEXT_ADDRESS_MS      250
#define LIMIT_NEXT_ADDRESS_TLS_MS  750
#define LIMIT_UPSTREAM_RESPONSE_MS 15000
#define LIMIT_UPSTREAM_IDLE_MS     60000
#define LIMIT_STREAM_IDLE_MS       300000
/* Between bytes of a response that is no stream by its type. */
#define LIMIT_UPSTREAM_BYTES_IDLE_MS 60000
/* An exchange as a whole; Envoy 300 s. */
#define LIMIT_EXCHANGE_MS 300000
/* How slow a peer may be that we wait for: Apache's 500 bytes a second after a grace. What it was
 * faster before is remembered for as long as a silence may last. */
#define LIMIT_PACE_BYTES_PER_SECOND 512
#define LIMIT_PACE_GRACE_MS         10000
#define LIMIT_PACE_STALL_MS         60000
/* What is on its way to a client for no longer than this is the network's: a satellite's 600 ms,
 * and one segment that has to be sent again. */
#define LIMIT_PACE_FLIGHT_MS 2000
/* How often exchanges that last are looked at. */
#define LIMIT_SWEEP_MS 250
/* How long a closing stream waits for a peer that takes nothing of what is queued. */
#define LIMIT_FLUSH_IDLE_MS 10000
/* And for one that always takes some, in all: what is queued takes a modem two minutes. */
#define LIMIT_FLUSH_MS 300000
/* How long a lingering close reads on, so that the client sees its answer, and how much. */
#define LIMIT_LINGER_MS    2000
#define LIMIT_LINGER_BYTES 65536
/* A client that has sent its end and waits for an answer is asked so often, kernel by kernel,
 * whether it is still there, and given up after so many questions without an answer: a minute. The
 * kernel of one that has gone keeps its connection for as long (Linux and the BSDs: 60 s), so that
 * asking more often would tell nothing sooner. */
#define LIMIT_PEER_PROBE_S           5
#define LIMIT_PEER_PROBES_UNANSWERED 12
