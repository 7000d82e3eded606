#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""schemas.py SLUICE_COMPILE PLUGINS NODE_MODULES [--update] - the JSON Schemas, judged by a validator.

Every example, and every good configuration of these tests, passes. A bad one that the schemas refuse is one
that `check` refuses; one whose error is of structure, by what `check` says, they refuse, too, but for those in
schemas.expect. mutations.py asks the same of every mutant. Needs node, and in NODE_MODULES ajv and
js-yaml (tools/test provides them); without these the exit code is 77.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.abspath(__file__))
CONFIGS = os.path.join(TOP, "..", "..", "configs")
SKIPPED = 77
STRUCTURAL = re.compile(
    r"^unknown field|^missing field|^expected (an? (map|list|string|integer|number|object|array|boolean)|true or "
    r"false|one of|at least)\b|^must (be (one of|at least|at most)|have at (least|most))\b")


def is_provided(modules):
    return os.path.isdir(os.path.join(modules, "ajv")) and os.path.isdir(os.path.join(modules, "js-yaml"))


def write_schemas(compiler, plugins, folder):
    """All that there are, as an installation has them."""
    def schema(*args):
        return subprocess.run([compiler, "schema", *args, "--plugins", plugins], check=True,
                              capture_output=True, timeout=120).stdout
    names = schema("--names").decode().split()
    for name in names:
        path = os.path.join(folder, name + ".schema.json")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(schema(name))
    return names


def judge(compiler, plugins, modules, requests):
    """What ajv says to each request (see validate.js)."""
    with tempfile.TemporaryDirectory(prefix="sluice-") as folder:
        write_schemas(compiler, plugins, folder)
        text = "".join(json.dumps(r) + "\n" for r in requests)
        done = subprocess.run(["node", os.path.join(TOP, "validate.js"), folder, modules], input=text,
                              text=True, capture_output=True, timeout=300)
    if done.returncode or done.stderr:
        sys.exit(f"the validator: exit code {done.returncode}\n{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def compare(path, lines, update):
    """Whether the lines are those of the file."""
    if update:
        with open(path, "w") as f:
            f.writelines(line + "\n" for line in lines)
        return True
    with open(path) as f:
        expected = f.read().splitlines()
    for line in sorted(set(lines) - set(expected)):
        print("a new difference:", line)
    for line in sorted(set(expected) - set(lines)):
        print("a difference that is none:", line)
    return set(lines) == set(expected)


def yaml_files(folder):
    found = [os.path.join(d, n) for d, _, names in os.walk(folder) for n in names]
    return sorted(f for f in found if f.endswith((".yaml", ".yml", ".json"))
                  and not f.endswith(".plan.json"))


def request(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return {"yaml": f.read()}


def errors_of(compiler, plugins, path):
    done = subprocess.run([compiler, "check", "--json", path, "--plugins", plugins], timeout=120,
                          capture_output=True, cwd=os.path.dirname(path))
    return [f["message"] for f in json.loads(done.stdout)["findings"] if f["severity"] == "error"]


def main():
    compiler, plugins, modules = (os.path.abspath(a) for a in sys.argv[1:4])
    if not is_provided(modules):
        print("no ajv and js-yaml in " + modules)
        sys.exit(SKIPPED)
    good = yaml_files(CONFIGS) + yaml_files(os.path.join(TOP, "good"))
    bad = [f for f in yaml_files(os.path.join(TOP, "bad")) if os.path.dirname(f).endswith("bad")]
    verdicts = judge(compiler, plugins, modules, [request(f) for f in good + bad])
    failures, taken = 0, []
    for path, verdict in zip(good, verdicts):
        if "valid" not in verdict:
            print(f"{os.path.relpath(path, TOP)} is good, but: {verdict}")
            failures += 1
    for path, verdict in zip(bad, verdicts[len(good):]):
        errors = errors_of(compiler, plugins, path)
        if "problems" in verdict and not errors:
            print(f"{os.path.basename(path)} has no error, but: {verdict}")
            failures += 1
        elif "valid" in verdict and any(STRUCTURAL.search(message) for message in errors):
            taken.append(os.path.basename(path))
    failures += not compare(os.path.join(TOP, "schemas.expect"), taken, "--update" in sys.argv)
    print(f"{len(good)} good, {len(bad)} bad, {len(taken)} of them taken, {failures} failures")
    sys.exit(1 if failures or not good or not bad else 0)


if __name__ == "__main__":
    main()
