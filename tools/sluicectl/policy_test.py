#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""policy_test.py SLUICECTL PLUGINS SDK CC - sluicectl policy, beside minisign, zstd and tar; and the plugins that are
refused before they are loaded."""
import json
import os
import subprocess
import sys
import tempfile

SLUICECTL, PLUGINS, SDK, CC = sys.argv[1:5]
PLUGIN = f"{PLUGINS}/cors.so"
PACK = "cors-1.0.0.tar.zst"
checks = 0


def run(*command, cwd, given=None):
    return subprocess.run(command, cwd=cwd, input=given, capture_output=True, text=True, timeout=300)


def check(what, condition, seen):
    global checks
    checks += 1
    if not condition:
        sys.exit(f"{what}: {seen}")


def policy(folder, *arguments, code=0, says=None):
    """Runs a command; what it printed."""
    done = run(SLUICECTL, "policy", *arguments, cwd=folder)
    check(f"policy {' '.join(arguments)}", done.returncode == code, (done.returncode, done.stdout, done.stderr))
    if says is not None:
        check(f"policy {' '.join(arguments)} says", done.stderr == f"sluicectl: {says}\n", done.stderr)
    return done.stdout


def inspect(folder):
    shown = policy(folder, "inspect", PLUGIN)
    for line in ["machine:   ", "abi:       0.9 or later", "policy:    cors 1.0.0", "  stage:   edge"]:
        check("inspect", line in shown, shown)
    seen = json.loads(policy(folder, "inspect", PLUGIN, "--json"))
    check("inspect --json", seen["policies"][0]["name"] == "cors" and seen["abi"] == {"major": 0, "minor": 9}, seen)
    policy(folder, "inspect", "none.so", code=1, says="none.so: No such file or directory")
    policy(folder, "inspect", __file__, code=1, says=f"{__file__}: is not an ELF file")


def bench(folder):
    with open(f"{folder}/limits.yaml", "w", encoding="utf-8") as f:
        f.write("rateLimits: [{maximumRequests: 10, timePeriodInMilliseconds: 1000}]\n")
    given = [f"{PLUGINS}/rate-limiting.so", "--config", "limits.yaml", "--count", "200"]
    seen = json.loads(policy(folder, "bench", *given, "--request", "POST /a?b=1", "--header", "x-tenant: blue", "--json"))
    # 20 turns of 10, each with and without: time stands still, and only the first window's 10 pass.
    check("bench", seen["requests"] == 400 and seen["passed"] == 10 and seen["outcome"] == "answered", seen)
    check("its time", seen["ns"]["with"] > 0 and seen["ns"]["without"] > 0, seen)
    shown = policy(folder, "bench", *given)
    check("bench in words", shown.startswith("rate-limiting, GET /: answered\n") and "ns a request" in shown, shown)
    for text, said in [
            ("rateLimits:\n  - {maximumRequests: 0, timePeriodInMilliseconds: 1000}\n",
             "limits.yaml:2:23: config.rateLimits[0].maximumRequests: must be at least 1, found 0\n"),
            ("rateLimits: [\n", "limits.yaml:2:1: did not find expected node content while parsing a flow node (line 2)\n")]:
        with open(f"{folder}/limits.yaml", "w", encoding="utf-8") as f:
            f.write(text)
        done = run(SLUICECTL, "policy", "bench", *given, cwd=folder)
        check("bench of a mistake", done.returncode == 1 and done.stderr == said, done)
    done = run(SLUICECTL, "policy", "bench", f"{PLUGINS}/rate-limiting.so", cwd=folder)
    check("bench without a configuration", done.returncode == 1 and done.stderr ==
          'sluice-policy-bench: without --config: config: missing field "rateLimits"\n', done)
    policy(folder, "bench", f"{PLUGINS}/ip-lists.so", code=1,
           says=f"{PLUGINS}/ip-lists.so: has 2 policies; --policy says which")
    policy(folder, "bench", __file__, code=1, says=f"{__file__}: is not an ELF file")


def pack(folder):
    check("pack", policy(folder, "pack", PLUGIN) == f"./{PACK}\n", "another name")
    first = open(f"{folder}/{PACK}", "rb").read()
    policy(folder, "pack", PLUGIN, code=1, says=f"./{PACK}: is there already; --force writes over it")
    policy(folder, "pack", PLUGIN, "--force")
    check("pack again", open(f"{folder}/{PACK}", "rb").read() == first, "other bytes")
    tar = subprocess.run(["zstd", "-dc", PACK], cwd=folder, capture_output=True, check=True).stdout
    names = subprocess.run(["tar", "tf", "-"], input=tar, capture_output=True, check=True).stdout.decode().split()
    machine = os.uname().machine
    check("names in it", names == ["manifest.json", "policy.yaml", "sbom.cdx.json", f"{machine}/cors.so"], names)
    sbom = subprocess.run(["tar", "xOf", "-", "sbom.cdx.json"], input=tar, capture_output=True, check=True).stdout
    libraries = [c["name"] for c in json.loads(sbom)["components"]]
    check("its SBOM", libraries[0] == "cors" and "libc.so.6" in libraries, libraries)
    policy(folder, "pack", PLUGIN, f"{PLUGINS}/ip-lists.so", code=1)


def sign(folder):
    signature = f"{folder}/{PACK}.minisig"
    policy(folder, "keygen", "--out", "ours")
    check("mode of a key", os.stat(f"{folder}/ours").st_mode & 0o777 == 0o600, os.stat(f"{folder}/ours"))
    policy(folder, "keygen", "--out", "ours", code=1, says="ours: is there already; --force writes over it")
    policy(folder, "verify", PACK, "--key", "ours.pub", code=1, says=f"{PACK}.minisig: No such file or directory")
    policy(folder, "sign", PACK, "--key", "ours", "--comment", "for the bank")
    shown = policy(folder, "verify", PACK, "--key", "ours.pub")
    check("verify", "cors 1.0.0" in shown and "for the bank" in shown, shown)
    seen = json.loads(policy(folder, "verify", PACK, "--key", "ours.pub", "--json"))
    check("verify --json", seen["name"] == "cors" and seen["comment"] == "for the bank", seen)
    done = run("minisign", "-V", "-p", "ours.pub", "-m", PACK, cwd=folder)
    check("minisign verifies ours", done.returncode == 0 and "for the bank" in done.stdout, done)

    os.unlink(signature)
    done = run("minisign", "-S", "-s", "ours", "-m", PACK, cwd=folder)
    check("minisign signs with ours", done.returncode == 0, done)
    policy(folder, "verify", PACK, "--key", "ours.pub")

    run("minisign", "-G", "-W", "-p", "theirs.pub", "-s", "theirs", cwd=folder)
    policy(folder, "sign", PACK, "--key", "theirs", "--force")
    done = run("minisign", "-V", "-p", "theirs.pub", "-m", PACK, cwd=folder)
    check("minisign verifies with theirs", done.returncode == 0, done)
    policy(folder, "verify", PACK, "--key", "ours.pub", "--key", "theirs.pub")
    check("another key", "not trusted" in run(SLUICECTL, "policy", "verify", PACK, "--key", "ours.pub",
                                              cwd=folder).stderr, "trusted")


def sign_with_password(folder):
    with open(f"{folder}/password", "w", encoding="utf-8") as f:
        f.write("correct horse\n")
    policy(folder, "keygen", "--out", "locked", "--password-file", "password")
    policy(folder, "sign", PACK, "--key", "locked", code=1, says="locked: has a password: --password-file says which")
    policy(folder, "sign", PACK, "--key", "locked", "--password-file", "locked.pub", code=1,
           says="locked: has another password")
    done = run("minisign", "-S", "-s", "locked", "-m", PACK, cwd=folder, given="correct horse\n")
    check("minisign opens ours", done.returncode == 0, done)
    policy(folder, "verify", PACK, "--key", "locked.pub")


def refuse_changes(folder):
    whole = open(f"{folder}/{PACK}", "rb").read()
    with open(f"{folder}/{PACK}", "wb") as f:
        f.write(whole[:-1] + bytes([whole[-1] ^ 1]))
    policy(folder, "verify", PACK, "--key", "locked.pub", code=1, says=f"{PACK}: these are not the bytes that were signed")


def refuse_command_lines(folder):
    policy(folder, "insepct", "x.so", code=2, says="policy has no command 'insepct'; did you mean 'inspect'?")
    policy(folder, "inspect", code=2, says="policy needs FILE.so; see sluicectl policy --help")
    policy(folder, "inspect", "a.so", "b.so", code=2, says="policy takes no more: 'b.so'; see sluicectl policy --help")
    policy(folder, "inspect", "--key", "k", code=2, says="policy --key goes with another command; see sluicectl policy "
           "--help")
    policy(folder, "sign", "x", code=2, says="policy needs --key; see sluicectl policy --help")
    policy(folder, "keygen", "--out", code=2, says="policy --out needs a value; see sluicectl policy --help")
    policy(folder, "inspect", "--what", code=2, says="policy has no option '--what'; see sluicectl policy --help")
    check("help", "usage: sluicectl policy" in policy(folder, "--help"), "no help")


SOURCE = """
#include "sluice/sluice.h"
%(more)s
const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy policy = {.size = sizeof(policy), .name = "odd", .version = "1.0.0"};
	static const struct sluice_policy *const policies[] = {&policy};
	static const struct sluice_plugin plugin = {.size = sizeof(plugin), .abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR, .policy_count = 1, .name = "odd", .version = "1.0.0",
		.policies = policies};
	return &plugin;
}
"""
NOTE = """
	.section .note.sluice.policy, "a", %%note
	.balign 4
	.long 7, 2f - 1f, 1
	.asciz "Sluice"
	.balign 4
1:	.incbin "policy.yaml"
2:	.balign 4
	.section .note.sluice.abi, "a", %%note
	.balign 4
	.long 7, 8, 2
	.asciz "Sluice"
	.balign 4
	.long %(major)d, %(minor)d
	.section .note.GNU-stack, "%(stack)s", %%progbits
"""


DEFINITION = """\
apiVersion: gateway.sluice.dev/v1
kind: PolicyDefinition
metadata: {name: odd, version: 1.0.0}
spec:
  stage: edge
  configuration:
    type: object
    properties:
      rate: {type: integer, minimum: 1, default: 10}
      body: {type: object}
"""


def build(folder, more="", options=(), major=0, minor=9, stack="", definition=DEFINITION):
    with open(f"{folder}/policy.yaml", "w", encoding="utf-8") as f:
        f.write(definition)
    with open(f"{folder}/odd.c", "w", encoding="utf-8") as f:
        f.write(SOURCE % {"more": more})
    with open(f"{folder}/note.S", "w", encoding="utf-8") as f:
        f.write(NOTE % {"major": major, "minor": minor, "stack": stack})
    done = run(CC, "-shared", "-fPIC", "-fvisibility=hidden", f"-I{SDK}", "-o", "odd.so", "odd.c", "note.S", *options,
               cwd=folder)
    check("cc", done.returncode == 0, done.stderr)


# What is written, instead of what, and what is said of it. Each would be refused by the gateway.
BAD_DEFINITIONS = [
    ("stage: edge", "stage: egde", ['5:10: spec.stage: expected one of "edge", "authn", "authz", "validate", "quota", '
                                    '"cache", "transform", "route", "observe", found "egde"; did you mean "edge"?']),
    ("minimum: 1", "minimun: 1", ['9:29: spec.configuration.properties.rate.minimun: unknown keyword "minimun"; did you '
                                  'mean "minimum"?']),
    ("default: 10", "default: 0", ['9:50: spec.configuration.properties.rate.default: does not fit its own schema: must '
                                   'be at least 1, found 0']),
    ("default: 10", "default: ten", ['9:50: spec.configuration.properties.rate.default: does not fit its own schema: '
                                     'expected an integer, found the string "ten"']),
    ("type: integer", "type: int", ["9:20: spec.configuration.properties.rate.type: expected null, boolean, integer, "
                                    "number, string, array or object"]),
    ("{type: object}", "{type: string, pattern: '(a'}", [
        "10:37: spec.configuration.properties.body.pattern: no regular expression: missing closing parenthesis"]),
    ("{type: object}", "{type: string, format: regexp}", ['10:36: spec.configuration.properties.body.format: unknown '
                                                          'format "regexp"']),
    ("{type: object}", "{$ref: '#/$defs/b'}", ['10:20: spec.configuration.properties.body.$ref: nothing is at '
                                               '"#/$defs/b"']),
    ("      body:", "      rate: {}\n      body:", ['10:7: "rate" is written twice; first at line 9, column 7']),
    ("name: odd, ", "", ['3:11: metadata: missing field "name"']),
    ("name: odd", "name: Odd", ['3:18: metadata.name: expected small letters, digits, ".", "_" and "-", found "Odd"']),
    ("version: 1.0.0", "version: 1.0", ["3:32: metadata.version: expected a string, found a number; put it in quotes"]),
    ("version: 1.0.0", "version: ../1", ['3:32: metadata.version: expected a version such as 1.0.0, found "../1"']),
    ("kind: PolicyDefinition", "kind: Policy", ['2:7: kind: expected one of "PolicyDefinition", found "Policy"']),
    ("  stage: edge", "  stage: edge\n  requestBody: {mode: bufer}", [
        '6:23: spec.requestBody.mode: expected one of "none", "observe", "stream", "buffer", found "bufer"; did you mean '
        '"buffer"?']),
    ("  stage: edge", "  stage: edge\n  requestBody: {mode: none, from: bode}", [
        '6:35: spec.requestBody.from: there is no property "bode"; did you mean "body"?']),
    ("  stage: edge", "  stage: edge\n  literal: [rates]", [
        '6:13: spec.literal[0]: there is no property "rates"; did you mean "rate"?']),
    ("    type: object\n", "    type: object\n    required: [rates]\n", [
        '8:16: spec.configuration.required[0]: there is no property "rates"; did you mean "rate"?']),
    ("    type: object\n", "    type: array\n", ['7:11: spec.configuration.type: expected "object", which every '
                                                 'configuration is, found "array"']),
    ("metadata: {name: odd", "metadata: {name: tls", [
        '3:18: metadata.name: policy "tls" is provided twice; that of builtins/tls.yaml is taken']),
    ("apiVersion", DEFINITION + "---\napiVersion", ['14:18: metadata.name: policy "odd" is defined twice; first at '
                                                    'odd.so:3']),
    ("spec:", "spec: [", ["6:16: did not find expected ',' or ']' while parsing a flow sequence (line 4)"]),
    (DEFINITION, "# nothing\n", ["holds no PolicyDefinition"]),
]


def refuse_names(folder):
    """Of policies that nobody could bind, or whose definition nobody would read."""
    kind = "lower-case letters, digits and '-', a letter first, at most 48"
    policy(folder, "new", "A_b", code=1, says=f"'A_b' is no name of a policy: {kind}")
    policy(folder, "new", "quota-flex", code=1, says="'quota-flex' is no name of a policy: policyRef.name is read without -flex")
    for name in ("tls", "circuit-breaker", "route"):
        policy(folder, "new", name, code=1, says=f"'{name}' is a policy of the gateway itself; take another name")
        check("no folder", not os.path.exists(f"{folder}/{name}"), os.listdir(folder))


def refuse_definitions(folder):
    """By whatever reads a definition: a pack that the gateway would refuse is never made."""
    for was, instead, said in BAD_DEFINITIONS:
        build(folder, definition=DEFINITION.replace(was, instead, 1))
        for command in ("inspect", "pack", "bench"):
            done = run(SLUICECTL, "policy", command, "odd.so", cwd=folder)
            whole = "".join(f"odd.so:{' ' if not line[0].isdigit() else ''}{line}\n" for line in said)
            check(f"{command} of {instead}", done.returncode == 1 and done.stderr == whole, (whole, done.stderr, done.stdout))
    check("no pack", not [n for n in os.listdir(folder) if n.startswith("odd-")], os.listdir(folder))


def refuse_what_the_code_is_not(folder):
    """The code is odd 1.0.0 of 0.9; `inspect` does not run it, so it cannot know."""
    for was, instead, said in [
            ("1.0.0", "1.2.0", ["its policy.yaml says version 1.2.0 of the policy odd, and its code 1.0.0"]),
            ("name: odd", "name: ode", [
                "its policy.yaml defines the policy ode, and its code has none of that name; it has odd",
                "its code has the policy odd, which its policy.yaml does not define"])]:
        build(folder, definition=DEFINITION.replace(was, instead))
        policy(folder, "inspect", "odd.so")
        done = run(SLUICECTL, "policy", "pack", "odd.so", cwd=folder)
        check(instead, done.returncode == 1 and done.stderr == "".join(f"odd.so: {s}\n" for s in said), done)
    build(folder, minor=8)
    done = run(SLUICECTL, "policy", "pack", "odd.so", cwd=folder)
    check("ABI", done.stderr == "odd.so: its note says plugin ABI 0.8, and its descriptor 0.9 (ABI_MINOR of sluice_add_plugin "
          "is to be its abi_minor)\n", done)
    build(folder, more="#include <stdlib.h>\n__attribute__((constructor)) static void fall(void) { abort(); }")
    done = run(SLUICECTL, "policy", "pack", "odd.so", cwd=folder)
    check("abort", done.stderr.endswith("sluicectl: odd.so: its code ends by signal 6 when it is loaded\n"), done)
    check("no pack", not [n for n in os.listdir(folder) if n.startswith("odd-")], os.listdir(folder))
    build(folder)
    policy(folder, "pack", "odd.so")


def assert_refused(folder, why):
    policy(folder, "inspect", "odd.so", code=1, says=f"odd.so: {why}")


def refuse_code(folder):
    build(folder)
    policy(folder, "inspect", "odd.so")
    build(folder, more="SLUICE_EXPORT int other(void); int other(void) { return 1; }")
    assert_refused(folder, "exports other; a plugin shows one symbol, sluice_plugin_v1 (-fvisibility=hidden, "
                   "-Wl,--exclude-libs,ALL)")
    build(folder, options=["-Dsluice_plugin_v1=sluice_plugin"])
    assert_refused(folder, "exports sluice_plugin; a plugin shows one symbol, sluice_plugin_v1 (-fvisibility=hidden, "
                   "-Wl,--exclude-libs,ALL)")
    build(folder, minor=10)
    assert_refused(folder, "is built for plugin ABI 0.10, and this gateway speaks 0.9 (use a newer gateway or an older "
                   "SDK)")
    build(folder, major=7)
    assert_refused(folder, "is built for plugin ABI 7.9, and this gateway speaks 0.9 (build it again with this SDK)")
    build(folder, stack="x", options=["-Wl,-z,execstack"])
    assert_refused(folder, "asks for an executable stack (-Wl,-z,noexecstack)")


def refuse_libcrypto(folder):
    use = "#include <openssl/crypto.h>\nvoid *sluice_use(void); void *sluice_use(void) { return OPENSSL_zalloc(1); }"
    keep = ["-Wl,-u,sluice_use"]
    build(folder, more=use, options=["-lcrypto", *keep])
    policy(folder, "inspect", "odd.so")
    static = "has libcrypto linked in statically; link the system's, or use sluice.crypto/1"
    archive = run(CC, "-print-file-name=libcrypto.a", cwd=folder).stdout.strip()
    use = use.replace("OPENSSL_zalloc(1)", "(OPENSSL_init_crypto(0, 0), OPENSSL_zalloc(1))")
    build(folder, more=use, options=[archive, "-Wl,--exclude-libs,ALL", *keep])
    assert_refused(folder, static)
    build(folder, more=use, options=[archive, "-Wl,--exclude-libs,ALL", "-s", *keep])
    assert_refused(folder, static)
    run(CC, "-shared", "-o", "libcrypto.so.1.1", "-Wl,-soname,libcrypto.so.1.1", "-x", "c", "/dev/null", cwd=folder)
    build(folder, options=["-Wl,--no-as-needed", "./libcrypto.so.1.1"])
    assert_refused(folder, "links libcrypto.so.1.1, and the gateway libcrypto.so.3: two of them clash")


def main():
    with tempfile.TemporaryDirectory(prefix="sluice-policy-") as folder:
        inspect(folder)
        bench(folder)
        pack(folder)
        sign(folder)
        sign_with_password(folder)
        refuse_changes(folder)
        refuse_command_lines(folder)
        refuse_names(folder)
        refuse_definitions(folder)
        refuse_what_the_code_is_not(folder)
        refuse_code(folder)
        refuse_libcrypto(folder)
    print(f"{checks} checks")


main()
