#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check.py CMAKE BUILD SOURCE [sanitized] - installs a build into a folder of its own and uses what is there."""
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

EXPECTED = ["bin/sluice", "bin/sluice-compile", "bin/sluice-gateway", "bin/sluice-policy-bench", "bin/sluicectl",
            "include/sluice/sluice.h",
            "include/sluice/testing.h", "lib/libsluice-testing.so", "lib/pkgconfig/sluice-testing.pc",
            "share/sluice/template/policy.c",
            "lib/sluice/plugins/rate-limiting.so", "lib/systemd/system/sluice.service",
            "share/sluice/schemas/sluice.schema.json", "share/sluice/schemas/policies/cors.schema.json"]


API = """\
apiVersion: gateway.sluice.dev/v1
kind: ApiInstance
metadata: {name: shop}
spec:
  address: http://127.0.0.1:8081
  services: {s: {address: "http://127.0.0.1:8080"}}
  policies:
    - policyRef: {name: my-quota}
      config: {greeting: hello}
"""


def run(*command, cwd="/"):
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def refuses(code, said, *command, cwd):
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd)
    if done.returncode != code or said not in done.stderr:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}, and not {code} and '{said}'\n{done.stdout}{done.stderr}")


def verify_unit(prefix):
    """By systemd itself, where it is: every directive and value of the unit, and no warning."""
    if not shutil.which("systemd-analyze"):
        return
    with open(f"{prefix}/lib/systemd/system/sluice.service") as f:
        unit = f.read().replace("/usr/bin/sluice", f"{prefix}/bin/sluice")
    with open(f"{prefix}/sluice.service", "w") as f:
        f.write(unit)
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", f"{prefix}/sluice.service"],
                          capture_output=True, text=True)
    if done.returncode != 0 or "sluice.service" in done.stderr:
        sys.exit(f"systemd-analyze verify: exit code {done.returncode}\n{done.stderr}")


OVERFLOW = "host->instance_alloc(call->instance, sizeof(*b));", "host->instance_alloc(call->instance, sizeof(b->greeting));"


def finds_an_overflow(sluicectl, project):
    """What docs/sdk/testing.md says of AddressSanitizer."""
    other = shutil.copytree(project, f"{project}-sanitized", ignore=shutil.ignore_patterns("build"))
    path = f"{other}/{os.path.basename(project)}.c"
    with open(path, encoding="utf-8") as f:
        text = f.read()
    with open(path, "w", encoding="utf-8") as f:
        f.write(text.replace(*OVERFLOW))
    flags = {"CFLAGS": "-fsanitize=address,undefined -g", "CK_TIMEOUT_MULTIPLIER": "10"}
    done = subprocess.run([sluicectl, "policy", "test"], capture_output=True, text=True, cwd=other, env={**os.environ, **flags})
    if done.returncode != 1 or "heap-buffer-overflow" not in done.stdout + done.stderr:
        sys.exit(f"AddressSanitizer found nothing:\n{done.stdout}{done.stderr}")


def refuse_mistakes(sluicectl, project):
    """In policy.yaml: told with its own lines, by what builds it."""
    with open(f"{project}/policy.yaml", encoding="utf-8") as f:
        whole = f.read()
    for was, instead, said in [
            ("stage: transform", "stage: transfrom", 'policy.yaml:10:10: spec.stage: expected one of "edge",'),
            ("version: 0.1.0", "version: 0.2.0", "build/my-quota.so: its policy.yaml says version 0.2.0 of the policy my-quota, "
             "and its code 0.1.0")]:
        with open(f"{project}/policy.yaml", "w", encoding="utf-8") as f:
            f.write(whole.replace(was, instead))
        refuses(1, said, sluicectl, "policy", "build", cwd=project)
    with open(f"{project}/policy.yaml", "w", encoding="utf-8") as f:
        f.write(whole)
    run(sluicectl, "policy", "build", cwd=project)


def write_a_policy(prefix, folder):
    """The way of an author who has the installation alone, from nothing to a signed pack."""
    sluicectl = f"{prefix}/bin/sluicectl"
    run(sluicectl, "policy", "new", "my-quota", cwd=folder)
    project = f"{folder}/my-quota"
    with open(f"{project}/config.yaml", "w", encoding="utf-8") as f:
        f.write("greeting: hello\n")
    if "100% tests passed" not in run(sluicectl, "policy", "test", cwd=project):
        sys.exit("the tests of a new policy did not run")
    if "ns a request" not in run(sluicectl, "policy", "bench", "build/my-quota.so", "--config", "config.yaml", "--count",
                                 "100", cwd=project):
        sys.exit("a new policy was not measured")
    refuses(2, "--count: expected a number", sluicectl, "policy", "bench", "build/my-quota.so", "--count", "many", cwd=project)
    refuses(1, "CMakeLists.txt: No such file", sluicectl, "policy", "build", "tests", cwd=project)
    finds_an_overflow(sluicectl, project)
    refuse_mistakes(sluicectl, project)
    run(sluicectl, "policy", "pack", "build/my-quota.so", cwd=project)
    run(sluicectl, "policy", "keygen", "--out", "key", cwd=project)
    refuses(1, "key: is there already; --force", sluicectl, "policy", "keygen", "--out", "key", cwd=project)
    run(sluicectl, "policy", "sign", "my-quota-0.1.0.tar.zst", "--key", "key", cwd=project)
    if "README.md" not in run(sluicectl, "policy", "verify", "my-quota-0.1.0.tar.zst", "--key", "key.pub", cwd=project):
        sys.exit("the pack of a new policy has no README.md")
    with open(f"{folder}/api.yaml", "w", encoding="utf-8") as f:
        f.write(API)
    run(f"{prefix}/bin/sluice", "check", "--plugins", f"{project}/build", f"{folder}/api.yaml")


def use_example(prefix, source, folder):
    """As an author does it who has copied one: its own tests, a signed pack, an API with it."""
    name, sluicectl = os.path.basename(source), f"{prefix}/bin/sluicectl"
    project = shutil.copytree(source, f"{folder}/{name}")
    if "100% tests passed" not in run(sluicectl, "policy", "test", cwd=project):
        sys.exit(f"{name}: its tests did not run")
    said = run(sluicectl, "policy", "pack", f"build/{name}.so", cwd=project)
    pack = next(n for n in os.listdir(project) if n.endswith(".tar.zst"))
    run(sluicectl, "policy", "keygen", "--out", "key", cwd=project)
    run(sluicectl, "policy", "sign", pack, "--key", "key", cwd=project)
    if "README.md" not in run(sluicectl, "policy", "verify", pack, "--key", "key.pub", cwd=project):
        sys.exit(f"{name}: the pack has no README.md:\n{said}")
    run(f"{prefix}/bin/sluice", "check", "--plugins", f"{project}/build", f"{project}/api.yaml")


def use_examples(prefix, folder):
    examples = f"{prefix}/share/sluice/examples"
    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(use_example, prefix, f"{examples}/{name}", folder) for name in sorted(os.listdir(examples))]
        for each in done:
            each.result()
    if not done:
        sys.exit("no example was installed")


def main():
    cmake, build, source, sanitized = sys.argv[1:4] + [sys.argv[4:] == ["sanitized"]]
    with tempfile.TemporaryDirectory(prefix="sluice-install-") as prefix:
        run(cmake, "--install", build, "--prefix", prefix)
        for name in EXPECTED:
            if not os.path.exists(f"{prefix}/{name}"):
                sys.exit(f"{name} was not installed")
        # The policies are found without a word about where they are.
        run(f"{prefix}/bin/sluice", "check", f"{source}/configs/quickstart")
        shown = run(f"{prefix}/bin/sluice", "explain", f"{source}/configs/quickstart", "--api", "shop")
        if "rate-limiting" not in shown:
            sys.exit(f"explain shows no chain:\n{shown}")
        run(f"{prefix}/bin/sluicectl", "--help")
        if not sanitized:
            with tempfile.TemporaryDirectory(prefix="sluice-policy-") as folder:
                write_a_policy(prefix, folder)
                use_examples(prefix, folder)
        verify_unit(prefix)


main()
