#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pages.py SOURCE - the SDK's guides and its headers say the same.

Each service has a page that names each of its calls, and a row in the overview; each call of a table has a comment; each
name that a guide gives to something of the SDK is one of the headers'.
"""
import glob
import os
import re
import sys

SERVICE = re.compile(r'^#define SLUICE_\w+_SERVICE "sluice\.(\w+)/\d+"', re.MULTILINE)
TABLE = re.compile(r"^struct (sluice_\w+_service|sluice_host) \{\n(.*?)^\};", re.MULTILINE | re.DOTALL)
CALL = re.compile(r"\(\*(\w+)\)\(")
NAME = re.compile(r"\b(?:sluice|SLUICE)_\w*[a-z0-9A-Z]\b")
WORD = re.compile(r"\b[A-Za-z_]\w*")
# Tables as guides call them: host->field_get, s->state->ask, timers->start.
MEMBER = re.compile(r"\b(?:host|service|states?|timers?|crypto|expr|http|metrics|request|regex|post|work|cache|stream|tls|"
                    r"shared|contracts|counters)->(\w+)\b")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
# Metrics of the gateway are no names of headers.
METRIC = re.compile(r"\bsluice_(?:policy|binding|cache)_\w+")


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def uncommented(table):
    """Calls in front of which there is no comment: none directly, and none in front of a group of lines without a gap."""
    missing, has_comment = [], False
    for line in table.splitlines():
        text = line.strip()
        if text.startswith(("/*", "*", "uint32_t")) or text.endswith("*/"):
            has_comment = has_comment or "*/" in text or text.startswith("/*")
        elif not text:
            has_comment = False
        for call in CALL.findall(line):
            if not has_comment:
                missing.append(call)
    return missing


def check_header(name, text, folder, overview):
    found = []
    for service in SERVICE.findall(text):
        page = f"{folder}/{service}.md"
        if f"({service}.md)" not in overview:
            found.append(f"{name}: the overview has no row that leads to {service}.md")
        if not os.path.exists(page):
            found.append(f"{name}: there is no page docs/sdk/{service}.md")
            continue
        words = set(WORD.findall(read(page)))
        for _, table in TABLE.findall(text):
            found += [f"{service}.md does not name {call}" for call in CALL.findall(table) if call not in words]
    for struct, table in TABLE.findall(text):
        found += [f"{name}: {struct}.{call} has no comment" for call in uncommented(table)]
    return found


def check_page(path, known, calls):
    text = METRIC.sub("", read(path))
    unknown = {n for n in NAME.findall(text) if n not in known and not n.endswith("_")}
    unknown |= {f"->{m}" for m in MEMBER.findall(text) if m not in calls}
    return [f"{os.path.basename(path)}: nothing of the SDK is called {n}" for n in sorted(unknown)]


def main(source):
    folder = f"{source}/docs/sdk"
    headers = {os.path.basename(p): read(p) for p in glob.glob(f"{source}/sdk/include/sluice/*.h")}
    more = [f"{source}/sdk/testing/include/sluice/testing.h", *glob.glob(f"{source}/sdk/util/*.h"),
            *glob.glob(f"{source}/sdk/cmake/*.cmake")]
    known = set(WORD.findall(COMMENT.sub("", "\n".join([*headers.values(), *map(read, more)]))))
    calls = {c for text in headers.values() for c in CALL.findall(text)}
    overview, pages = read(f"{folder}/README.md"), sorted(glob.glob(f"{folder}/*.md"))
    found = [line for name, text in sorted(headers.items()) for line in check_header(name, text, folder, overview)]
    everything = "\n".join(map(read, pages))
    host = CALL.findall(TABLE.search(headers["sluice.h"]).group(2))
    found += [f"no page names host->{call}" for call in host if not re.search(rf"\b{call}\b", everything)]
    for page in pages:
        found += check_page(page, known, calls)
    # What is wrong must be able to fail this.
    if not check_page(__file__, set(), set()) or len(host) < 50 or uncommented("\n\tint (*f)(void);\n") != ["f"]:
        found.append("the checks find nothing")
    print("\n".join([*found, f"{len(headers)} headers, {len(pages)} pages, {len(found)} faults"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
