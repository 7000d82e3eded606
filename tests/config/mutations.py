#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mutations.py SLUICE_COMPILE PLUGINS NODE_MODULES [--update] [--thin] - every node of every kind, spoilt in every way.

Each specimen of specimens.py is valid. Each of its nodes is, one at a time: left out, null, of every other
type, empty, far too large and far too small; each map gets a member that nobody knows and one twice. The
outcome has to be an error whose path leads to the node, with a line of the file, and no API that depends on
it may be open. What is taken without an error instead has to stand in mutations.expect: default values,
null where a policy's schema takes it, and texts that may be empty. So nobody takes more by accident.

Where NODE_MODULES has a validator (see schemas.py), it judges each mutant by the JSON Schemas as well. What
they refuse has to be an error; an error that they take has to stand in mutations-schemas.expect: it lies in
what a text says or in what is elsewhere, not in the structure of the document.

One mutant in four is tried, and not by the schemas, unless SLUICE_TEST_MODE is full or with --update;
--thin says so for slow builds, whatever the mode: the schemas are the same in every build.
"""
import copy
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import schemas
from specimens import SPECIMENS

TOP = os.path.dirname(os.path.abspath(__file__))
EXPECTED = os.path.join(TOP, "mutations.expect")
COMPILE, PLUGINS, MODULES = (os.path.abspath(a) for a in sys.argv[1:4])
UPDATE = "--update" in sys.argv
THIN = not UPDATE and ("--thin" in sys.argv or os.environ.get("SLUICE_TEST_MODE") != "full")
BATCH = 150
LARGE = 9007199254740991
TYPES = {"a text": "text", "a number": 7.5, "an integer": 7, "true": True, "a list": ["text"],
         "a map": {"text": "text"}, "an empty list": [], "an empty map": {}, "an empty text": ""}


class Twice:
    """A map whose member `key` is written twice."""

    def __init__(self, map, key):
        self.map, self.key = map, key


def dump(value, indent=0):
    """JSON, each member on a line of its own."""
    pad = "\n" + " " * (indent + 1)
    end = "\n" + " " * indent
    if isinstance(value, Twice):
        text = dump(value.map, indent)
        return text[:-1].rstrip() + "," + pad + json.dumps(value.key) + ": 1" + end + "}"
    if isinstance(value, dict) and value:
        members = [json.dumps(k) + ": " + dump(v, indent + 1) for k, v in value.items()]
        return "{" + pad + ("," + pad).join(members) + end + "}"
    if isinstance(value, list) and value:
        return "[" + pad + ("," + pad).join(dump(v, indent + 1) for v in value) + end + "]"
    return json.dumps(value)


def join(path, step):
    if isinstance(step, int):
        return f"{path}[{step}]"
    return f"{path}.{step}" if path else step


def nodes_of(value, steps=()):
    """Paths, as tuples of steps, of all nodes below `value`."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, member in items:
        yield steps + (step,)
        yield from nodes_of(member, steps + (step,))


def at(value, steps):
    for step in steps:
        value = value[step]
    return value


def same_type(a, b):
    if isinstance(a, bool) or isinstance(b, bool):
        return isinstance(a, bool) and isinstance(b, bool)
    if isinstance(a, (int, float)):
        return isinstance(b, int)
    return type(a) is type(b)


def replacements(old):
    yield "null", None
    for name, new in TYPES.items():
        if not same_type(old, new) or (new in ("", [], {}) and old != new):
            yield name, new
    if isinstance(old, (int, float)) and not isinstance(old, bool):
        yield "too large", LARGE
        yield "too small", -LARGE


def mutants_of(specimen, part):
    """(path, what is done, the spoilt document)"""
    wanted = tuple(part.split(".")) if part else ()
    for steps in nodes_of(specimen):
        if steps[:len(wanted)] != wanted or not steps:
            continue
        path = ""
        for step in steps:
            path = join(path, step)
        old = at(specimen, steps)
        for name, new in replacements(old):
            mutant = copy.deepcopy(specimen)
            at(mutant, steps[:-1])[steps[-1]] = copy.deepcopy(new)
            yield path, name, mutant
        if not isinstance(steps[-1], int):
            mutant = copy.deepcopy(specimen)
            del at(mutant, steps[:-1])[steps[-1]]
            yield path, "left out", mutant
        if isinstance(old, dict):
            mutant = copy.deepcopy(specimen)
            at(mutant, steps)["unheardOf"] = 1
            yield path, "an unknown member", mutant
            if old:
                mutant = copy.deepcopy(specimen)
                at(mutant, steps[:-1])[steps[-1]] = Twice(old, next(iter(old)))
                yield path, "a member twice", mutant


class Mutant:
    def __init__(self, name, path, what, documents, index, number):
        self.name, self.path, self.what = name, path, what
        self.label = f"{name}: {path}: {what}"
        self.file = f"m{number}.yaml"
        self.api = None
        self.has_error = False
        texts = []
        for i, each in enumerate(documents):
            text = dump(each).replace("NAME", f"n{number}").replace("SPACE", f"s{number}")
            texts.append(text.replace("PORT", str(10000 + number % 50000)))
            if i == index:
                self.document = texts[-1]
            if not isinstance(each, Twice) and each.get("kind") == "ApiInstance":
                self.api = f"s{number}/n{number}"
        self.text = "\n---\n".join(texts) + "\n"


def all_mutants():
    mutants = []
    for name, (documents, index, part) in SPECIMENS.items():
        mutants.append(Mutant(name, "", "as it is", documents, index, len(mutants)))
        for path, what, spoilt in mutants_of(documents[index], part):
            changed = documents[:index] + [spoilt] + documents[index + 1:]
            mutants.append(Mutant(name, path, what, changed, index, len(mutants)))
    return mutants


def run(folder, *args, plugins=PLUGINS):
    return subprocess.run([COMPILE, *args, "--plugins", plugins, folder], timeout=300, capture_output=True)


def write(folder, mutant):
    with open(os.path.join(folder, mutant.file), "w") as f:
        f.write(mutant.text)


def leads_to(path, wanted):
    """Whether an error at `path` tells of the node at `wanted`: itself, within, around, or a sibling."""
    above = wanted.rpartition("[" if wanted.endswith("]") else ".")[0]
    return path.startswith(above) or wanted.startswith(path)


def is_incomplete(mutant):
    """Whether the plan of the mutant alone says so: then nothing of it is served."""
    with tempfile.TemporaryDirectory(prefix="sluice-") as folder:
        write(folder, mutant)
        return json.loads(run(folder, "compile", "--print").stdout).get("incomplete", False)


def outcome(mutant, findings, states):
    """None: an error at its place, and nothing open. Else the line for mutations.expect."""
    errors = [f for f in findings.get(mutant.file, []) if f["severity"] == "error"]
    mutant.has_error = bool(errors)
    if mutant.what == "as it is":
        return mutant.label + ": " + errors[0]["message"] if errors else None
    if not errors:
        return mutant.label
    if any(f["line"] < 1 or f["line"] > mutant.text.count("\n") for f in errors):
        return mutant.label + ": an error without a line"
    if not any(leads_to(f["path"], mutant.path) for f in errors):
        return mutant.label + ": told at " + errors[0]["path"]
    if states.get(mutant.api) == "open" and not mutant.name.startswith("Contract"):
        return None if is_incomplete(mutant) else mutant.label + ": told, and its API is open"
    return None


def findings_in(folder, plugins=PLUGINS):
    done = run(folder, "check", "--json", plugins=plugins)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"exit code {done.returncode}: {done.stderr}")
    findings = {}
    for finding in json.loads(done.stdout)["findings"]:
        findings.setdefault(os.path.basename(finding["file"]), []).append(finding)
    return findings


def check_batch(mutants):
    with tempfile.TemporaryDirectory(prefix="sluice-") as folder:
        for mutant in mutants:
            write(folder, mutant)
        findings, states = findings_in(folder), {}
        for api in json.loads(run(folder, "compile", "--print").stdout)["apis"]:
            states[f"{api['namespace']}/{api['name']}"] = "closed" if "error" in api else "open"
    return [line for line in (outcome(m, findings, states) for m in mutants) if line]


def check_alone(mutants):
    """Configurations: two that set the same would be an error by itself. They know no plugins."""
    lines = []
    with tempfile.TemporaryDirectory(prefix="sluice-") as folder:
        none = os.path.join(folder, ".none")
        os.mkdir(none)
        for mutant in mutants:
            write(folder, mutant)
            lines.append(outcome(mutant, findings_in(folder, none), {}))
            os.remove(os.path.join(folder, mutant.file))
    return [line for line in lines if line]


def compare_schemas(mutants):
    """What the schemas refuse and the compiler takes; the lines of what they take and it refuses."""
    judged = [m for m in mutants if m.what != "a member twice"] # no JSON tells of that
    verdicts = schemas.judge(COMPILE, PLUGINS, MODULES, [{"document": json.loads(m.document)} for m in judged])
    wrong = [f"the schema refuses it, and it is good: {m.label}: {v['problems']}"
             for m, v in zip(judged, verdicts) if "problems" in v and not m.has_error]
    return wrong, [m.label for m, v in zip(judged, verdicts) if "valid" in v and m.has_error]


def check_schemas(mutants):
    if not schemas.is_provided(MODULES):
        print("no validator: the schemas are not compared")
        return []
    wrong, taken = compare_schemas(mutants)
    if not schemas.compare(os.path.join(TOP, "mutations-schemas.expect"), sorted(taken), UPDATE):
        wrong.append("mutations-schemas.expect says otherwise")
    return wrong


def main():
    mutants = all_mutants()[::4 if THIN else 1]
    labels = {m.label for m in mutants}
    alone = [m for m in mutants if m.name.startswith("Configuration")]
    others = [m for m in mutants if not m.name.startswith("Configuration")]
    with ThreadPoolExecutor(4) as pool:
        work = [pool.submit(check_batch, others[i:i + BATCH]) for i in range(0, len(others), BATCH)]
        work += [pool.submit(check_alone, alone[i:i + BATCH]) for i in range(0, len(alone), BATCH)]
        lines = sorted(line for each in work for line in each.result())
    if UPDATE:
        with open(EXPECTED, "w") as f:
            f.write("\n".join(lines) + "\n")
    with open(EXPECTED) as f:
        expected = [line for line in f.read().splitlines() if ": ".join(line.split(": ")[:3]) in labels or not THIN]
    wrong = [f"not expected: {line}" for line in lines if line not in expected]
    wrong += [f"expected, and not so: {line}" for line in expected if line not in lines]
    wrong += [] if THIN else check_schemas(mutants)
    print("\n".join(wrong + [f"{len(mutants)} mutants of {len(SPECIMENS)} specimens, {len(lines)} taken, "
                             f"{len(wrong)} failures"]))
    sys.exit(1 if wrong or len(mutants) < (250 if THIN else 1000) else 0)


main()
