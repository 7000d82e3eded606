#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check.py CC SOURCE_DIR TABLE - who may include whom, asked of the compiler.

For every module of core/, with the include path that it is built with:
  - every header of itself compiles, alone;
  - the headers of the folders that its row lists are found, and those of all others are not.
"""
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor


def read_table(path):
    table = {}
    with open(path) as f:
        for line in f:
            module, includes, depends, definitions = line.rstrip("\n").split("|")
            flags = [f"-I{i}" for i in includes.split(";") if i]
            flags += [f"-D{d}" for d in definitions.split(";") if d]
            table[module] = (flags, [d for d in depends.split(";") if d])
    return table


def headers_of(source, module):
    folder = f"{source}/core/{module}"
    return sorted(f"{module}/{h}" for h in os.listdir(folder) if h.endswith(".h"))


def compiles(cc, flags, text):
    """What the compiler says against it; "" when it is well."""
    done = subprocess.run([cc, "-std=gnu17", *flags, "-fsyntax-only", "-x", "c", "-"], input=text,
                          capture_output=True, text=True)
    return done.stderr if done.returncode else ""


def stands_alone(cc, module, flags, header):
    said = compiles(cc, flags, f'#include "{header}"\n')
    return f'{module}: "{header}" must compile, alone:\n{said}' if said else None


def sees(cc, module, flags, visible, hidden):
    """Asks about all of them at once."""
    lines = [f'#if !__has_include("{h}")\n#error {h} is out of sight, and the row lists it\n#endif' for h in visible]
    lines += [f'#if __has_include("{h}")\n#error {h} can be included, and the row does not list it\n#endif'
              for h in hidden]
    said = compiles(cc, flags, "\n".join(lines) + "\nint something;\n")
    return f"{module}:\n{said}" if said else None


def main():
    cc, source, table_path = sys.argv[1:4]
    table = read_table(table_path)
    headers = {m: headers_of(source, m) for m in table}
    probes, allowed, forbidden = [], 0, 0
    for module, (flags, depends) in table.items():
        probes += [(stands_alone, module, flags, h) for h in headers[module]]
        visible = [h for d in depends for h in headers[d]]
        hidden = [h for other in table if other != module and other not in depends for h in headers[other]]
        probes.append((sees, module, flags, visible, hidden))
        allowed += len(headers[module]) + len(visible)
        forbidden += len(hidden)
    if not probes:
        sys.exit("no module in the table")
    with ThreadPoolExecutor(2) as pool:
        wrong = [w for w in pool.map(lambda p: p[0](cc, *p[1:]), probes) if w]
    for w in wrong:
        print(w)
    print(f"{allowed} allowed includes and {forbidden} forbidden ones tried, {len(wrong)} wrong")
    sys.exit(1 if wrong else 0)


main()
