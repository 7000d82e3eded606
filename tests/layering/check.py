#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check.py CC SOURCE_DIR TABLE - who may include whom, asked of the compiler.

For every module of core/, with the include path that it is built with:
  - every header of itself and of the folders that its row lists compiles, alone;
  - a header of any other folder does not compile, with "No such file" as the reason.
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


def compile_probe(cc, flags, header):
    return subprocess.run(
        [cc, "-std=gnu17", *flags, "-fsyntax-only", "-x", "c", "-"],
        input=f'#include "{header}"\n', capture_output=True, text=True)


def probe(cc, module, flags, header, allowed):
    done = compile_probe(cc, flags, header)
    if allowed and done.returncode != 0:
        return f'{module}: "{header}" must compile, alone:\n{done.stderr}'
    if not allowed and done.returncode == 0:
        return f'{module}: "{header}" must not compile: the row of {module} does not list it'
    if not allowed and "No such file" not in done.stderr:
        return f'{module}: "{header}" fails for another reason:\n{done.stderr}'
    return None


def main():
    cc, source, table_path = sys.argv[1:4]
    table = read_table(table_path)
    headers = {m: headers_of(source, m) for m in table}
    probes = []
    for module, (flags, depends) in table.items():
        for other in table:
            allowed = other == module or other in depends
            # One header shows that a folder is out of sight; a visible one is tried whole, once.
            if allowed and other != module:
                chosen = headers[other][:1]
            elif allowed:
                chosen = headers[other]
            else:
                chosen = headers[other][:1] or [f"{other}/absent.h"]
            probes += [(cc, module, flags, h, allowed) for h in chosen]
    if not probes:
        sys.exit("no module in the table")
    with ThreadPoolExecutor(2) as pool:
        wrong = [w for w in pool.map(lambda p: probe(*p), probes) if w]
    for w in wrong:
        print(w)
    allowed = sum(p[4] for p in probes)
    print(f"{allowed} allowed includes and {len(probes) - allowed} forbidden ones tried, "
          f"{len(wrong)} wrong")
    sys.exit(1 if wrong else 0)


main()
