# SPDX-License-Identifier: Apache-2.0
"""What a variant of a case has between client and origin: the policies of Sluice, what peers have that comes closest,
and the requests that ask for it."""
import base64
import json
import os
import subprocess
import time

TOKENS = 32
CLIENTS = 32
LIMIT = 1_000_000_000  # nobody is refused

SCRIPT = """function request_head(request)
  if request.headers:get("host") and request.headers:get("authorization") then return end
  respond(403)
end
"""

# Formatted once, sent in turn.
LOAD = """local values, requests, at = %s, {}, 0
function init()
  for n, value in ipairs(values) do requests[n] = wrk.format("GET", "/", { ["%s"] = value }) end
end
function request()
  at = at %% #requests + 1
  return requests[at]
end
"""


def base64url(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def openssl(*args, text=None):
    return subprocess.run(["openssl", *args], input=text, check=True, capture_output=True).stdout


def key_of(folder):
    """The files of an RSA key of 2048 bits of this run: the private one, the public one."""
    private, public = f"{folder}/jwt.key", f"{folder}/jwt.pub"
    if not os.path.exists(public):
        openssl("genrsa", "-out", private, "2048")
        openssl("rsa", "-in", private, "-pubout", "-out", public)
    return private, public


def tokens(folder):
    """RS256, good for a day, a client each."""
    private, head = key_of(folder)[0], base64url(b'{"alg":"RS256","typ":"JWT"}')
    made = []
    for n in range(TOKENS):
        claims = {"sub": f"client-{n}", "iss": "bench", "aud": "bench", "exp": int(time.time()) + 86400}
        signed = f"{head}.{base64url(json.dumps(claims).encode())}"
        made.append(f"{signed}.{base64url(openssl('dgst', '-sha256', '-sign', private, text=signed.encode()))}")
    return made


def load_script(folder, variant):
    """The path of what wrk sends, by turns; None: requests that are all alike."""
    if "token" in variant:
        values, field = [f"Bearer {token}" for token in tokens(folder)], "Authorization"
    elif "limit" in variant:
        values, field = [f"client-{n}" for n in range(CLIENTS)], "X-Client"
    elif variant == "a cache":
        values, field = ["*/*"], "Accept"
    else:
        return None
    path = f"{folder}/load-{field.lower()}.lua"
    with open(path, "w") as f:
        f.write(LOAD % ("{" + ", ".join(f'"{v}"' for v in values) + "}", field))
    return path


# --- Sluice -----------------------------------------------------------------------------------------------------------

def policy(name, config):
    return {"policyRef": {"name": name}, "config": config}


def limit(**more):
    return policy("rate-limiting", {"keySelector": "#[attributes.headers['x-client']]", **more, "rateLimits": [
        {"maximumRequests": LIMIT, "timePeriodInMilliseconds": 60000}]})


def jwt(folder, **more):
    with open(key_of(folder)[1]) as f:
        return policy("jwt-validation", {"signingMethod": "rsa", "signingKeyLength": 256, "jwtKeyOrigin": "text",
                                         "textKey": f.read(), "mandatoryExpClaim": True,
                                         "skipClientIdValidation": True, **more})


def four(folder):
    """The four that the vendor sizes its nodes by."""
    return [policy("message-logging", {"loggingConfiguration": [{"itemName": "asked", "itemData": {
                "message": "#[attributes.method ++ ' ' ++ attributes.requestPath]", "level": "INFO",
                "firstSection": True}}]}),
            policy("rate-limiting", {"rateLimits": [{"maximumRequests": LIMIT, "timePeriodInMilliseconds": 60000}]}),
            jwt(folder),
            policy("header-injection", {"inboundHeaders": [{"key": "x-in", "value": "v"}],
                                        "outboundHeaders": [{"key": "x-out", "value": "v"}]})]


def sluice(variant, folder, backend_port):
    if variant == "twenty policies":
        return [policy("passing", {})] * 20
    if variant == "an expression":
        return [policy("evaluating", {"key": "#[attributes.headers['authorization'] ++ ':' ++ attributes.method]"})]
    if variant == "a script":
        return [policy("lua-script", {"script": SCRIPT})]
    if variant == "a callout":
        return [policy("authorizer", {"services": [f"http://127.0.0.1:{backend_port}"], "rememberSeconds": 0})]
    if variant == "a limit":
        return [limit(mode="local")]
    if variant == "a limit in Redis":
        return [limit(clusterizable=True)]
    if variant == "a limit in slices":
        return [limit(clusterizable=True, mode="leased")]
    if variant == "tokens":
        return [jwt(folder)]
    if variant == "tokens, each checked":
        return [jwt(folder, tokenCacheEntries=0)]
    if variant == "four policies and tokens":
        return four(folder)
    if variant == "a cache":
        return [policy("http-caching", {"ttl": 3600})]
    return []


# --- nginx ------------------------------------------------------------------------------------------------------------

def nginx(variant, folder):
    """What stands in http, and in location."""
    if variant == "a limit":
        return ("limit_req_zone $http_x_client zone=clients:10m rate=1000000r/s;",
                "limit_req zone=clients burst=1000000 nodelay;")
    if variant == "a cache":
        return f"proxy_cache_path {folder}/cache keys_zone=answers:10m;", "proxy_cache answers;"
    return "", ""


# --- HAProxy ----------------------------------------------------------------------------------------------------------

def haproxy(variant, folder):
    """What stands beside the sections, in frontend, and in backend."""
    if variant == "a limit":
        return "", f"""
    stick-table type string len 64 size 100k expire 60s store http_req_rate(60s)
    http-request track-sc0 req.hdr(x-client)
    http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt {LIMIT} }}""", ""
    if variant == "tokens, each checked":
        return "", f"""
    http-request set-var(txn.token) http_auth_bearer
    http-request set-var(txn.algorithm) var(txn.token),jwt_header_query('$.alg')
    http-request set-var(txn.end) var(txn.token),jwt_payload_query('$.exp','int')
    http-request set-var(txn.now) date()
    http-request deny deny_status 401 unless {{ var(txn.algorithm) -m str RS256 }}
    http-request deny deny_status 401 if {{ var(txn.end),sub(txn.now) -m int lt 0 }}
    http-request deny deny_status 401 unless {{ var(txn.token),jwt_verify(txn.algorithm,"{key_of(folder)[1]}") 1 }}""", ""
    if variant == "a cache":
        return """
cache answers
    total-max-size 64
    max-age 3600
""", "", """
    http-request cache-use answers
    http-response cache-store answers"""
    return "", "", ""
