#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""layout.py changes LAYOUT ABI-CHANGES.md   - every line of the layout was announced, in its order
layout.py kept LAYOUT OLD_LAYOUT          - all of an older layout still stands where it stood
layout.py assertions LAYOUT HEADERS OUT   - C that does not compile where the headers are another layout
layout.py signatures CC HEADERS OLD_HEADERS LAYOUT   - no signature of an older SDK has changed, by abidiff
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
FIELD = re.compile(r"  (\S+)\s+(\d+)(?:\s+(\d+))?$")
VALUE = re.compile(r"(SLUICE_\w+)\s+(-?\d+)$")


class Layout:
    """structs: name -> [(field, offset, size)], ("-", size, None) at the end; values: name -> number; services."""

    def __init__(self, path):
        self.structs, self.values, self.services = {}, {}, []
        fields = None
        with open(path, encoding="utf-8") as f:
            for line in f.read().splitlines():
                field, value = FIELD.match(line), VALUE.match(line)
                if field:
                    fields.append(field.groups())
                elif value:
                    self.values[value[1]] = int(value[2])
                elif line.startswith("service"):
                    self.services += line.split()[1:]
                else:
                    fields = self.structs.setdefault(line, [])

    def fields(self, name):
        return [f[0] for f in self.structs[name] if f[0] != "-"]


def report(problems, what):
    for problem in problems:
        print(problem)
    print(f"{what}, {len(problems)} wrong")
    return 1 if problems else 0


# --- changes -----------------------------------------------------------------------------------------------------
def announced(path):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    structs, values = {}, {}
    for name, fields in re.findall(r"(sluice_\w+)\s+\{([^}]*)\}", text):
        structs.setdefault(name, []).extend(fields.replace(",", " ").split())
    for name, value in re.findall(r"(SLUICE_\w+)\s+=\s+(-?\d+)", text):
        values.setdefault(name, int(value))
    return structs, values, re.findall(r"sluice\.\w+/\d+", text)


def changes(layout_path, changes_path):
    layout = Layout(layout_path)
    structs, values, services = announced(changes_path)
    wrong = []
    for name in layout.structs:
        fields, said = layout.fields(name), structs.pop(name, [])
        if fields[:len(said)] != said:
            wrong.append(f"{name} is announced as {{{', '.join(said)}}}, and is {{{', '.join(fields)}}}")
        elif fields != said:
            wrong.append(f"a line is missing: {name} {{{', '.join(fields[len(said):])}}}")
    wrong += [f"{name} is announced, and is not there" for name in structs]
    for name in sorted(layout.values.keys() | values.keys()):
        if layout.values.get(name) != values.get(name):
            wrong.append(f"{name} is announced as {values.get(name)}, and is {layout.values.get(name)}; a line would be: "
                         f"{name} = {layout.values.get(name)}")
    wrong += [f"a line is missing: the service {name}" for name in layout.services if name not in services]
    return report(wrong, f"{len(layout.structs)} structs, {len(layout.values)} values")


# --- kept --------------------------------------------------------------------------------------------------------
def kept(layout_path, old_path):
    layout, old = Layout(layout_path), Layout(old_path)
    wrong = [f"the service {name} is gone" for name in old.services if name not in layout.services]
    for name, value in old.values.items():
        if layout.values.get(name) != value and not name.startswith("SLUICE_ABI_"):
            wrong.append(f"{name} was {value}, and is {layout.values.get(name)}")
    for name, fields in old.structs.items():
        now = layout.structs.get(name, [])
        may_grow = fields[0][0] == "size"
        for field in fields:
            if field not in now and not (field[0] == "-" and may_grow):
                wrong.append(f"{name}: {' '.join(map(str, field))} is not there any more")
    return report(wrong, f"{len(old.structs)} structs of {old_path}")


# --- assertions --------------------------------------------------------------------------------------------------
def headers_of(folder):
    return sorted(os.path.basename(path) for path in glob.glob(f"{folder}/sluice/*.h"))


def assertions(layout_path, headers, out_path):
    layout = Layout(layout_path)
    lines = [f'#include "sluice/{name}"' for name in headers_of(headers)]
    for name, fields in layout.structs.items():
        for field, offset, size in fields:
            if field == "-":
                lines.append(f'_Static_assert(sizeof(struct {name}) == {offset}, "the size of {name}");')
            else:
                lines.append(f'_Static_assert(offsetof(struct {name}, {field}) == {offset} && '
                             f'sizeof(((struct {name} *)0)->{field}) == {size}, "{name}.{field}");')
    for name, value in layout.values.items():
        lines.append(f'_Static_assert((int)({name}) == {value}, "{name}");')
    with open(out_path, "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")
    return 0


# --- signatures --------------------------------------------------------------------------------------------------
def library(cc, headers, layout, folder, name):
    """All structs that both SDKs have, as parameters of functions that are seen from outside."""
    with open(f"{folder}/{name}.c", "w", encoding="utf-8") as f:
        for header in headers_of(headers):
            f.write(f'#include "sluice/{header}"\n')
        for struct in layout.structs:
            f.write(f"void keep_{struct}(struct {struct} *p);\nvoid keep_{struct}(struct {struct} *p)\n"
                    "{\n\t(void)p;\n}\n")
    subprocess.run([cc, "-g", "-shared", "-fPIC", f"-I{headers}", "-o", f"{folder}/{name}.so", f"{folder}/{name}.c"],
                   check=True)
    return f"{folder}/{name}.so"


def signatures(cc, headers, old_headers, old_layout_path):
    if not shutil.which("abidiff"):
        print("abidiff is not here (package abigail-tools)")
        return SKIPPED
    old = Layout(old_layout_path)
    with tempfile.TemporaryDirectory(prefix="sluice-abi-") as folder:
        done = subprocess.run(["abidiff", "--leaf-changes-only", library(cc, old_headers, old, folder, "old"),
                               library(cc, headers, old, folder, "new")], capture_output=True, text=True)
    print(done.stdout + done.stderr)
    if done.returncode & 3:
        return 1
    # A struct may grow at its end: nothing else.
    bad = [line.strip() for line in done.stdout.splitlines()
           if re.search(r"data member (change|deletion)|'(fields|parameter|return)|parameter \d+ .* (was|of)|"
                        r"enumerator (change|deletion)|\b[1-9]\d* Removed", line)]
    return report(bad, f"{len(old.structs)} structs of {old_headers}")


COMMANDS = {"changes": changes, "kept": kept, "assertions": assertions, "signatures": signatures}

if __name__ == "__main__":
    sys.exit(COMMANDS[sys.argv[1]](*sys.argv[2:]))
