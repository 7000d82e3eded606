#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""headers.py INCLUDE_DIR COMPILER... - every SDK header compiles alone; all of them compile with each compiler, in each
language that a policy may be written in, without a warning; and so does a small policy that uses the macros."""
import os
import shutil
import subprocess
import sys
import tempfile

LANGUAGES = [("c", "c11"), ("c", "c17"), ("c++", "c++17")]
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
POLICY = """
#include "sluice/sluice.h"

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *exchange)
{
	const struct sluice_host *host = call->host;
	if (!SLUICE_HAS(host, worker_data) || !SLUICE_HAS(call, state))
		return SLUICE_FAIL;
	struct sluice_str value;
	if (host->field_get(exchange, SLUICE_REQUEST, SLUICE_STR("x-a"), &value) != SLUICE_OK)
		value = SLUICE_STR("none");
	host->log(call->instance, exchange, SLUICE_LOG_INFO, value);
	return SLUICE_CONTINUE;
}

int32_t (*use)(const struct sluice_call *call, struct sluice_exchange *exchange) = request_head;
"""


def compiles(compiler, language, standard, include, text):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "unit." + ("c" if language == "c" else "cc"))
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        run = subprocess.run([compiler, "-x", language, "-std=" + standard, *WARNINGS, "-I", include,
                              "-c", path, "-o", os.path.join(folder, "unit.o")],
                             capture_output=True, text=True, check=False)
        return run.returncode == 0, run.stderr


def main(include, compilers):
    headers = sorted(os.listdir(os.path.join(include, "sluice")))
    alone = [(h, f'#include "sluice/{h}"\nint unit;\n') for h in headers]
    together = "".join(f'#include "sluice/{h}"\n' for h in headers)
    jobs = [(compilers[0], *LANGUAGES[0], *text) for text in alone]
    for compiler in filter(shutil.which, compilers):
        for language, standard in LANGUAGES:
            jobs.append((compiler, language, standard, "a policy with all headers", together + POLICY))
    done = failed = 0
    for compiler, language, standard, name, text in jobs:
        ok, errors = compiles(compiler, language, standard, include, text)
        done += 1
        if not ok:
            failed += 1
            print(f"{name} with {compiler} -std={standard}:\n{errors}")
    # A warning must be able to fail this.
    wrong, _ = compiles(compilers[0], "c", "c11", include, "int f(int unused) { return 0; }\n")
    print(f"{done} compilations, {failed} failed")
    return done > 0 and failed == 0 and not wrong


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1], sys.argv[2:]) else 1)
