# SPDX-License-Identifier: Apache-2.0
"""Documents of a configuration folder as Python values; JSON is YAML, so they are written as it."""
import json

from .ports import free_port

API_VERSION = "gateway.sluice.dev/v1"


def document(kind, name, spec, labels=None):
    metadata = {"name": name}
    if labels:
        metadata["labels"] = labels
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def address_of(upstream):
    return upstream if isinstance(upstream, str) else upstream.address


def api(name, upstream=None, *, port=None, base="", host="127.0.0.1", scheme="http", services=None,
        routes=None, policies=None, labels=None):
    """An ApiInstance with one inline service `up` at `upstream` (a Backend or an address), or with
    the `services` given. The port is a free one unless given."""
    host = f"[{host}]" if ":" in host else host
    spec = {"address": f"{scheme}://{host}:{port or free_port()}{base}"}
    if upstream is not None:
        services = {"up": {"address": address_of(upstream)}}
        if routes:
            services["up"]["routes"] = routes
    if services:
        spec["services"] = services
    if policies:
        spec["policies"] = policies
    return document("ApiInstance", name, spec, labels)


def service(name, upstream):
    return document("Service", name, {"address": address_of(upstream)})


def balanced(upstreams, weights=(), **fields):
    """What a service with several endpoints has in place of an address."""
    endpoints = [{"address": address_of(u)} for u in upstreams]
    for endpoint, weight in zip(endpoints, weights):
        endpoint["weight"] = weight
    return {"endpoints": endpoints, **fields}


def binding(name, policy, config=None, *, target=None, kind="ApiInstance", selector=None,
            order=None, rules=None):
    ref = {"kind": "Selector", "selector": {"kind": "ApiInstance", "labels": selector}} \
        if selector is not None else {"kind": kind, "name": target}
    spec = {"targetRef": ref, "policyRef": {"name": policy}, "config": config or {}}
    if order is not None:
        spec["order"] = order
    if rules is not None:
        spec["rules"] = rules
    return document("PolicyBinding", name, spec)


def configuration(name, spec):
    return document("Configuration", name, spec)


def port_of(doc):
    """The port of an ApiInstance made by api()."""
    authority = doc["spec"]["address"].split("://", 1)[1].split("/", 1)[0]
    return int(authority.rsplit(":", 1)[1])


def to_yaml(documents):
    if isinstance(documents, str):
        return documents
    return "---\n".join(json.dumps(d, indent=1) + "\n" for d in documents)
