# SPDX-License-Identifier: Apache-2.0
"""specimens.py - one valid document of every kind and every policy, with every field that there is.

SPECIMENS: name -> (documents, which of them is the specimen, the path of the part that counts). NAME, SPACE
and PORT in texts are replaced, so that many copies can stand beside each other in one configuration.
"""
VERSION = "gateway.sluice.dev/v1"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n"
TERMS = {"timeouts": {"upstreamResponseSeconds": 5, "streamIdleSeconds": 7.5},
         "hostRewrite": "literal", "host": "shop.example:81",
         "mirror": {"destinationRef": {"kind": "Service", "name": "NAME", "namespace": "SPACE"}, "percent": 12.5}}
RULES = [{"path": "/a(/.*)", "methods": "GET|HEAD", "host": "a\\.example", "headers": {"x-a": "1"}}]
API_LIMITS = {
    "requestBodyBytes": 5000, "bufferedBodyBytes": 2048, "responseHeadBytes": 2048,
    "responseHeadFields": 20, "interimResponses": 2, "requestSeconds": 20,
    "requestBodyBytesPerSecond": 100, "requestBodyGraceSeconds": 2, "responseBytesPerSecond": 100,
    "responseGraceSeconds": 2, "responseStallSeconds": 9, "upstreamIdleSeconds": 9,
    "websocketFrameBytes": 999, "websocketMessageBytes": 999, "websocketMessagesPerSecond": 9,
    "websocketPingSeconds": 9,
}
LIMITS = {
    **API_LIMITS, "targetBytes": 1024, "headBytes": 8192, "headFields": 40, "fieldNameBytes": 64,
    "fieldValueBytes": 1024, "trailerBytes": 1024, "trailerFields": 4, "chunkExtensionBytes": 64,
    "headSeconds": 2, "tlsHandshakeSeconds": 2, "keepAliveIdleSeconds": 9, "keepAliveMaxAgeSeconds": 99,
    "keepAliveRequests": 9, "upstreamConnectSeconds": 2, "connections": 9, "connectionsPerListener": 9,
    "connectionsPerAddress": 9,
}
PAGES = {
    "404": {"json": '{"s": {status}}', "problem": '{"s": "{message}"}', "html": "<p>", "text": "no"},
    "5xx": {"text": "no"}, "default": {"text": "no"},
}
THRESHOLDS = {"maxConnections": 9, "maxPendingRequests": 9, "maxRequests": 9, "maxRetries": 9,
              "maxConnectionPools": 9}
OUTPUT = {"name": "o", "type": "stdout", "parameters": {}}
TRUST = ["10.0.0.0/8", "2001:db8::/32"]


def document(kind, spec, name="NAME", **metadata):
    return {"apiVersion": VERSION, "kind": kind,
            "metadata": {"name": name, "namespace": "SPACE", **metadata}, "spec": spec}


def api(scheme="http", **spec):
    return document("ApiInstance", {
        "address": scheme + "://127.0.0.1:PORT",
        "services": {"up": {"address": scheme + "://up.example:9000"}}, **spec})


def binding(policy, config, target="ApiInstance", name="NAME", **spec):
    return document("PolicyBinding", {
        "targetRef": {"kind": target, "name": name, "namespace": "SPACE"},
        "policyRef": {"name": policy}, "config": config, **spec}, name="NAME-binding")


def settings(**spec):
    return [document("Configuration", spec)], 0, "spec"


SPECIMENS = {
    "ApiInstance": ([document("ApiInstance", {
        "address": "http://127.0.0.1:PORT/base",
        "limits": API_LIMITS,
        "paths": {"encodedSlash": "keep", "parameters": "strip", "case": "lower"},
        "upgrades": ["websocket", "echo/1"],
        "upgradeOrigins": ["https://a.example", "http://a.example:8080"],
        "services": {"up": {"address": "http://up.example:9000/x", "routes": [
            {"config": {"destinationPath": "/y"}, "rules": RULES}]}},
        "policies": [{
            "policyRef": {"kind": "Extension", "name": "header-injection", "namespace": "default"},
            "config": {"inboundHeaders": [{"key": "x-a", "value": "1"}]}, "rules": RULES}],
        "errors": PAGES,
    }, labels={"tier": "public"}, annotations={"note": "x"})], 0, ""),
    "ApiInstance, terms of a route": ([document("ApiInstance", {
        "address": "http://127.0.0.1:PORT",
        "services": {"up": {"address": "http://up.example:9000/x", "routes": [{"config": TERMS}]}},
    }), document("Service", {"address": "http://copies.example:9000"})], 0, "spec"),
    "ApiInstance, terms of a bound route": ([
        document("ApiInstance", {"address": "http://127.0.0.1:PORT", "policies": [{
            "policyRef": {"name": "route"}, "config": {"destinationRef": {"name": "NAME"}, **TERMS}}]}),
        document("Service", {"address": "http://up.example:9000/x"}),
    ], 0, "spec"),
    "ApiInstance, redirect": ([document("ApiInstance", {
        "address": "http://127.0.0.1:PORT",
        "redirect": {"scheme": "https", "host": "a.example", "port": 8443, "status": 308},
    })], 0, "spec"),
    "Service": ([
        document("Service", {"address": "http://up.example:9000/x"}),
        document("ApiInstance", {"address": "http://127.0.0.1:PORT", "policies": [{
            "policyRef": {"name": "route"}, "config": {"destinationRef": {"name": "NAME"}}}]}),
    ], 0, ""),
    "Service, literal host": ([
        document("Service", {"address": "http://up.example:9000/x", "hostRewrite": "literal",
                             "host": "shop.example:81"}),
        document("ApiInstance", {"address": "http://127.0.0.1:PORT", "policies": [{
            "policyRef": {"name": "route"}, "config": {"destinationRef": {"name": "NAME"}}}]}),
    ], 0, "spec"),
    "Service, PROXY header": ([
        document("Service", {"address": "http://up.example:9000/x", "proxyProtocol": "v2"}),
        document("ApiInstance", {"address": "http://127.0.0.1:PORT", "policies": [{
            "policyRef": {"name": "route"}, "config": {"destinationRef": {"name": "NAME"}}}]}),
    ], 0, "spec"),
    "Service, forward proxy": ([
        document("Service", {"address": "https://up.example:9000/x", "forwardProxy": {
            "address": "http://proxy.example:3128", "username": "u", "password": "p"}}),
        document("ApiInstance", {"address": "http://127.0.0.1:PORT", "policies": [{
            "policyRef": {"name": "route"}, "config": {"destinationRef": {"name": "NAME"}}}]}),
    ], 0, "spec"),
    "Service, proxy that reads": ([
        document("Service", {"address": "http://up.example:9000/x", "forwardProxy": {
            "address": "http://proxy.example:3128", "tunnel": False}}),
        document("ApiInstance", {"address": "http://127.0.0.1:PORT", "policies": [{
            "policyRef": {"name": "route"}, "config": {"destinationRef": {"name": "NAME"}}}]}),
    ], 0, "spec"),
    "Service, HTTP/2": ([
        document("Service", {"address": "h2://up.example:9000/x", "http2": {
            "maxConcurrentStreams": 9, "initialWindowSize": 70000, "connectionWindowSize": 90000,
            "pingSeconds": 2}}),
        document("ApiInstance", {"address": "http://127.0.0.1:PORT", "policies": [{
            "policyRef": {"name": "route"}, "config": {"destinationRef": {"name": "NAME"}}}]}),
    ], 0, "spec"),
    "Service, discovery": ([
        document("Service", {"address": "http://up.example:9000/x", "discovery": "addresses"}),
        document("ApiInstance", {"address": "http://127.0.0.1:PORT", "policies": [{
            "policyRef": {"name": "route"}, "config": {"destinationRef": {"name": "NAME"}}}]}),
    ], 0, "spec"),
    "Service, endpoints": ([
        document("Service", {
            "endpoints": [{"address": "http://up.example:9000/x", "weight": 3},
                          {"address": "http://up.example:9001/x"}],
            "loadBalancing": {"algorithm": "ringHash", "hashOn": "#[attributes.headers['x-user']]",
                              "slowStartSeconds": 9,
                              "sticky": {"cookie": "up", "ttlSeconds": 9, "path": "/x", "secure": True,
                                         "httpOnly": False, "sameSite": "none",
                                         "key": "sixteen bytes and more"}},
            "outlierDetection": {
                "consecutiveFailures": 3, "intervalSeconds": 9, "baseEjectionSeconds": 9,
                "maxEjectionSeconds": 99, "maxEjectionPercent": 10, "minHealthyPercent": 20}}),
        document("ApiInstance", {"address": "http://127.0.0.1:PORT", "policies": [{
            "policyRef": {"name": "route"}, "config": {"destinationRef": {"name": "NAME"}}}]}),
    ], 0, "spec"),
    "Service, health and retries": ([
        document("Service", {
            "address": "http://up.example:9000",
            "healthCheck": {
                "type": "http", "path": "/health", "host": "up", "intervalSeconds": 9, "timeoutSeconds": 1,
                "healthyThreshold": 1, "unhealthyThreshold": 1, "expectedStatuses": [200, 204]},
            "retries": {
                "attempts": 3, "on": ["reset", "5xx"], "statuses": [429], "methods": ["GET", "PUT"],
                "perTryTimeoutSeconds": 1, "backOffSeconds": 1, "maxBackOffSeconds": 1,
                "budgetPercent": 9}}),
        document("ApiInstance", {"address": "http://127.0.0.1:PORT", "policies": [{
            "policyRef": {"name": "route"}, "config": {"destinationRef": {"name": "NAME"}}}]}),
    ], 0, "spec"),
    "Service, hedging": ([
        document("Service", {
            "endpoints": [{"address": "http://a.example:9000"}, {"address": "http://b.example:9000"}],
            "retries": {"hedgeAfterSeconds": 0.1}}),
        document("ApiInstance", {"address": "http://127.0.0.1:PORT", "policies": [{
            "policyRef": {"name": "route"}, "config": {"destinationRef": {"name": "NAME"}}}]}),
    ], 0, "spec"),
    "PolicyBinding": ([
        binding("header-injection", {"inboundHeaders": [{"key": "x-a", "value": "1"}]},
                order=7, rules=RULES), api()], 0, ""),
    "PolicyBinding, selector": ([document("PolicyBinding", {
        "targetRef": {"kind": "Selector", "namespace": "SPACE",
                      "selector": {"kind": "ApiInstance", "labels": {"of": "NAME"}}},
        "policyRef": {"kind": "Extension", "name": "header-injection", "namespace": "default"},
        "config": {"inboundHeaders": [{"key": "x-a", "value": "1"}]},
    }), document("ApiInstance", api()["spec"], labels={"of": "NAME"})], 0, "spec"),
    "Extension": ([document("Extension", {
        "extends": [{"name": "extension-definition", "namespace": "default"}],
        "properties": {"a": {}}, "required": ["a"]})], 0, ""),
    "Secret, tls": ([document("Secret", {
        "tls": {"crt": CERTIFICATE, "key": KEY, "keyPassphrase": "x"}})], 0, ""),
    "Secret, data": ([document("Secret", {"data": {"a": "x"}})], 0, "spec"),
    "Contract": ([document("Contract", {
        "apiId": "NAME",
        "client": {"id": "c", "name": "n", "secret": "s"},
        "sla": {"name": "gold", "id": "1", "limits": [
            {"maximumRequests": 5, "timePeriodInMilliseconds": 1000}]},
    }), api()], 0, ""),
    "Configuration": ([document("Configuration", {"strict": True})], 0, ""),
    "Configuration, logging": settings(logging={
        "outputs": [OUTPUT], "runtimeLogs": {"logLevel": "info", "outputs": ["o"]},
        "accessLogs": {"outputs": ["o"]}}),
    "Configuration, ports": settings(
        probe={"enabled": True, "address": "127.0.0.1", "port": 3001},
        metrics={"enabled": True, "address": "127.0.0.1", "port": 3002}),
    "Configuration, limits": settings(
        limits=LIMITS, overload={"memoryBytes": 1073741824}, connectionBufferLimits={"global": 4096},
        circuitBreaker={"thresholds": THRESHOLDS},
        timeouts={"streamIdleSeconds": 9, "upstreamResponseSeconds": 9,
                  "upstreamConnectionIdleSeconds": 9}),
    "Configuration, http2": settings(http2={
        "enabled": True, "maxConcurrentStreams": 50, "initialWindowSize": 65535,
        "initialConnectionWindowSize": 1048576, "windowStallSeconds": 9, "budgets": {
            "resets": 100, "resetsPerSecond": 10, "prematureResetsPercent": 80,
            "prematureResetsMinimum": 50, "glitches": 500, "glitchesPerSecond": 50,
            "continuations": 4, "settingsEntries": 16, "unsentAcks": 100}}),
    "Configuration, edge": settings(
        clientAddress={"trustedProxies": TRUST, "hops": 2, "header": "X-Forwarded-For",
                       "emitForwarded": True},
        proxyProtocol={"enabled": True, "trustedProxies": TRUST},
        requestId={"preserve": True}, reasonHeader=True, errors=PAGES,
        accessRecord={"claims": ["sub", "tenant"]},
        headers={"server": "s", "via": "both", "viaName": "v", "allowOverrides": True}, routing={"rewriteHostHeader": True}),
    "Configuration, forward proxy": settings(forwardProxy={
        "https": {"address": "http://proxy.example:3128",
                  "basicAuth": {"username": "u", "password": "p"}}, "noProxy": [".example"]}),
    "Configuration, default TLS": settings(defaultTLS={
        "outboundPolicyCalls": {"trustedCA": CERTIFICATE, "alpn": ["h2"], "minversion": "1.2"}}),
    "Configuration, names": settings(dns={
        "servers": ["10.0.0.1", "[2001:db8::1]:5353"], "timeoutSeconds": 2, "retrySeconds": 2,
        "staleSeconds": 99, "minTtlSeconds": 2, "maxTtlSeconds": 99}),
    "Configuration, shared storage": settings(sharedStorage={"redis": {
        "address": "redis.example:6379", "username": "u", "password": "p", "DB": 3,
        "tls": {"trustedCA": CERTIFICATE, "minversion": "1.2"}, "tenant": "t", "gateway": "g", "replicas": 3,
        "timeoutSeconds": 0.1, "connectTimeoutSeconds": 0.5}, "local": {"enabled": False}}),
    "Configuration, shared storage by Sentinels": settings(sharedStorage={"redis": {
        "sentinel": {"masterName": "m", "addresses": ["s1.example:26379", "s2.example"], "password": "p"}}}),
    "Configuration, shared storage in a cluster": settings(sharedStorage={"redis": {
        "cluster": {"addresses": ["n1.example:6379", "n2.example"]}}}),
    "Configuration, without effect": settings(
        tracing={}, resourceLimits={}, platformConnection={}, outputs={}),
}

GROUP = {"name": "g", "origins": ["https://a.example"], "accessControlMaxAge": 9,
         "allowedMethods": [{"methodName": "PUT", "isAllowed": True}], "headers": ["x-a"],
         "exposedHeaders": ["x-b"]}
ITEM = {"itemName": "i", "itemData": {
    "message": "#[attributes.method]", "conditional": "#[true]", "category": "c", "level": "WARN",
    "firstSection": True, "secondSection": True}}
PAIR = {"crt": CERTIFICATE, "key": KEY, "keyPassphrase": "x"}
TLS = {"certificate": PAIR, "trustedCA": CERTIFICATE, "alpn": ["h2", "http/1.1"], "minversion": "1.2",
       "maxversion": "1.3", "ciphers": ["ECDHE-RSA-AES128-GCM-SHA256"]}
OPENAPI = '{"openapi": "3.0.0", "info": {"title": "t", "version": "1"}, "paths": {}}'

INTROSPECTION = {
    "introspectionURL": "http://auth.example/ask", "authorizationValue": "Basic YTpi", "authenticationTimeout": 9,
    "scopes": "a b", "scopeValidationCriteria": "OR", "exposeHeaders": True, "skipClientIdValidation": True,
    "consumerBy": "username"}
CONFIGS = {
    "api-key": {"in": "header", "name": "x-key", "scheme": "Key", "forwardKey": True, "keys": [
        {"key": "12345678", "clientId": "c", "clientName": "n", "expires": "2030-01-31T12:00:00Z"}]},
    "client-id-enforcement": {
        "credentialsOriginHasHttpBasicAuthenticationHeader": "customExpression",
        "clientIdExpression": "#[attributes.headers['id']]",
        "clientSecretExpression": "#[attributes.headers['secret']]"},
    "cors": {"publicResource": False, "supportCredentials": True, "forwardPlainOptions": True,
             "originGroups": [GROUP]},
    "compression": {
        "codings": ["br", "gzip"], "gzipLevel": 1, "brotliLevel": 1, "zstdLevel": 1, "minimumBytes": 9,
        "contentTypes": ["text/*"], "compressWithCredentials": True, "removeAcceptEncoding": True,
        "maxStreams": 9},
    "decompression": {"codings": ["br", "gzip"], "maximumBytes": 9, "maximumRatio": 9},
    "grpc-web": {},
    "header-injection": {"inboundHeaders": [{"key": "x-a", "value": "#[attributes.method]"}],
                         "outboundHeaders": [{"key": "x-a", "value": "1"}]},
    "header-removal": {"inboundHeaders": ["x-a"], "outboundHeaders": ["x-b"]},
    "http-basic-authentication": {"username": "u", "password": "p"},
    "http-caching": {
        "httpCachingKey": "#[attributes.requestPath]", "maxCacheEntries": 9, "maxCacheSize": "1MiB",
        "maxEntrySize": "1KiB", "ttl": 9, "useHttpCacheHeaders": True, "invalidationHeader": "x-a",
        "requestExpression": "#[attributes.method == 'GET']",
        "responseExpression": "#[attributes.statusCode == 200]", "distributed": False, "persistCache": False,
        "staleIfErrorSeconds": 9, "collapseTimeoutInMilliseconds": 9, "cacheStatus": True},
    "injection-protection": {
        "builtInProtections": ["sql", "xss"], "customProtections": [{"name": "n", "regex": "a+"}],
        "protectPathAndQuery": True, "protectHeaders": True, "protectBody": True, "rejectRequests": True},
    "ip-allowlist": {"ips": ["10.0.0.0/8"], "ipExpression": "#[attributes.headers['x-a']]"},
    "ip-blocklist": {"ips": ["10.0.0.0/8"], "ipExpression": "#[attributes.headers['x-a']]"},
    "json-threat-protection": {
        "maxContainerDepth": 9, "maxObjectEntryCount": 9, "maxObjectEntryNameLength": 9,
        "maxArrayElementCount": 9, "maxStringValueLength": 9, "maxNumberLength": 9,
        "rejectDuplicateNames": True, "checkAllContentTypes": True},
    "jwt-validation": {
        "jwtOrigin": "customExpression", "jwtExpression": "#[attributes.headers['t']]",
        "signingAlgorithms": ["RS256", "ES256"], "signingKeyLength": 384, "jwtKeyOrigin": "jwks",
        "textKey": "k", "jwksUrl": ["http://keys.example/k"], "discoveryUrl": "http://issuer.example",
        "customKeyExpression": "#[attributes.headers['k']]", "jwksServiceTimeToLive": 9,
        "jwksServiceConnectionTimeout": 9, "skipClientIdValidation": True,
        "clientIdExpression": "#[vars.claimSet.azp]", "validateAudClaim": True, "mandatoryAudClaim": True,
        "supportedAudiences": "a", "mandatoryExpClaim": True, "mandatoryNbfClaim": True, "issuer": ["i"],
        "clockSkewSeconds": 9, "validateCustomClaim": True,
        "mandatoryCustomClaims": [{"key": "a", "value": "b"}],
        "nonMandatoryCustomClaims": [{"key": "a", "value": "b"}],
        "claimsToHeaders": [{"claim": "a", "header": "x-a"}], "tokenCacheEntries": 9, "maxTokenBytes": 99},
    "lua-script": {
        "script": "function log() end", "config": {"a": [1]}, "expressions": {"e": "#[attributes.method]"},
        "requestBody": {"mode": "buffer", "maxBytes": 9}, "responseBody": {"mode": "stream"},
        "instructions": 10000, "memoryBytes": 1048576, "waitMs": 9,
        "state": {"name": "s", "entries": 9, "bytes": 1024}},
    "message-logging": {"loggingConfiguration": [ITEM]},
    "oauth2-token-introspection": {
        **INTROSPECTION, "validatedTokenTTL": 9, "maxCacheEntries": 9},
    "openidconnect-access-token-enforcement": {
        **INTROSPECTION, "maxFederationExpirationTime": 9, "maxCacheSize": 9, "secureTrustStore": True},
    "rate-limiting": {
        "rateLimits": [{"maximumRequests": 9, "timePeriodInMilliseconds": 1000, "burst": 3}],
        "algorithm": "gcra", "keySelector": "#[attributes.method]", "cost": "#[2]", "reportOnly": True,
        "exposeHeaders": True, "exposeRateLimitFields": True, "clusterizable": True,
        "mode": "exact", "blockOnUnknownQuota": True, "onStoreError": "local"},
    "rate-limiting-sla-based": {
        "clientIdExpression": "#[attributes.headers['id']]",
        "clientSecretExpression": "#[attributes.headers['secret']]", "exposeHeaders": True,
        "clusterizable": True, "onStoreError": "local"},
    "spec-validation": {"source": "inline", "spec": OPENAPI, "apiBasePath": "/", "blockOperation": True,
                        "strictParamsValidation": True},
    "spike-control": {
        "maximumRequests": 9, "timePeriodInMilliseconds": 1000, "delayTimeInMillis": 9, "delayAttempts": 2,
        "queuingLimit": 9, "exposeHeaders": True},
    "xml-threat-protection": {
        "maxNodeDepth": 9, "maxAttributeCountPerElement": 9, "maxChildCount": 9, "maxTextLength": 9,
        "maxAttributeLength": 9, "maxCommentLength": 9, "checkAllContentTypes": True},
    "response-timeout": {"timeout": 9},
    "stream-idle-timeout": {"timeout": 9},
    "access-block": {},
    "route": {"destinationPath": "/y", "destinationRef": {
        "kind": "Service", "name": "NAME-up", "namespace": "SPACE"}},
    "route-weighted": {"routes": [{"weight": 9, "destinationPath": "/y", "destinationRef": {
        "kind": "Service", "name": "NAME-up", "namespace": "SPACE"}}]},
}
SERVICE_CONFIGS = {
    "idle-timeout": {"timeout": 9},
    "circuit-breaker": {"thresholds": THRESHOLDS},
}

for _policy, _config in CONFIGS.items():
    SPECIMENS["policy " + _policy] = [binding(_policy, _config), api()], 0, "spec.config"
for _policy, _config in SERVICE_CONFIGS.items():
    SPECIMENS["policy " + _policy] = [
        binding(_policy, _config, "Service", "NAME-up"), api()], 0, "spec.config"
SPECIMENS["policy tls"] = [
    binding("tls", {**TLS, "requireClientCertificate": True}), api("https")], 0, "spec.config"
SPECIMENS["policy tls-outbound"] = [
    binding("tls-outbound", {**TLS, "skipValidation": True}, "Service", "NAME-up"),
    document("ApiInstance", {"address": "http://127.0.0.1:PORT",
                             "services": {"up": {"address": "https://up.example:9000"}}}),
], 0, "spec.config"
SPECIMENS["policy tls, of a Secret"] = [
    binding("tls", {"certificate": {"secretRef": {"name": "NAME", "namespace": "SPACE"}}}), api("https"),
    document("Secret", {"tls": PAIR})], 0, "spec.config"
