#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hostile.py SLUICE_COMPILE PLUGINS - users' scripts that mean ill, or are merely wrong.

Each runs beside two APIs. Whatever it tries, the compiler ends by itself, names the script with its line, and
no API is open: the plan is incomplete, as when a file cannot be read. HARMLESS ones have to pass, and prove
that what they tried had no effect. A script's line 1 is the first of its text.
"""
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

COMPILE, PLUGINS = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])

APIS = """
apiVersion: gateway.sluice.dev/v1
kind: ApiInstance
metadata: {name: accounts, labels: {tier: private}}
spec:
  address: http://127.0.0.1:8081/accounts
  services: {origin: {address: "http://127.0.0.1:9000"}}
---
apiVersion: gateway.sluice.dev/v1
kind: ApiInstance
metadata: {name: shop, labels: {tier: public}}
spec:
  address: http://127.0.0.1:8081/shop
  services: {origin: {address: "http://127.0.0.1:9000"}}
"""

STEPS, MEMORY = "it takes too many steps", "it takes too much memory"

# name: (script, line, what the message has to say)
HOSTILE = {
    "endless loop": ("local x\nwhile true do end", 2, STEPS),
    "endless repeat": ("repeat until false", 1, STEPS),
    "endless goto": ("::again::\ngoto again", 2, STEPS),
    "endless recursion by tail calls": ("local function f() return f() end\nf()", 1, STEPS),
    "numeric loop": ("for i = 1, 1e18 do end", 1, STEPS),
    "pcall swallows the end": ("while true do\n pcall(function() while true do end end)\nend", 2, STEPS),
    "pcall of pcall": (
        "local function f() return pcall(pcall, f) end\nwhile true do f() end", 2, STEPS + "|stack"),
    "nested pcalls": (
        "local function f(n)\n while true do pcall(f, n + 1) end\nend\nf(0)", 2, STEPS + "|stack"),
    "deep recursion": ("local function f(n)\n return 1 + f(n + 1)\nend\nreturn f(1)", 2,
                       "stack overflow"),
    "a string of a gigabyte": ('local s = ("x"):rep(1024 * 1024 * 1024)', 1, "too long|too many steps"),
    "a string that doubles": ('local s = "x"\nwhile true do s = s .. s end', 2, MEMORY),
    "strings kept": ('local t = {}\nfor i = 1, 1e9 do t[i] = ("x"):rep(1e5) .. i end', 2,
                     MEMORY + "|" + STEPS),
    "strings kept behind pcall": (
        'local t = {}\nfor i = 1, 1e9 do\n pcall(function() t[i] = ("x"):rep(1e6) .. i end)\nend', 3,
        MEMORY + "|" + STEPS),
    "a huge table": ("local t = {}\nfor i = 1, 1e9 do t[i] = {} end", 2, MEMORY + "|" + STEPS),
    "a table by constructor": ("local t = {}\nwhile true do\n t = { t, t, t, t, { t } }\nend", 3,
                               MEMORY + "|" + STEPS),
    "concat of much": ('local t = {}\nfor i = 1, 1e4 do t[i] = ("x"):rep(1e4) end\n'
                       "local s = {}\nwhile true do s[#s + 1] = table.concat(t) end", 4,
                       MEMORY + "|" + STEPS),
    "insert in front": ("local t = {}\nwhile true do table.insert(t, 1, 1) end", 2, STEPS),
    "sort again and again": (
        "local t = {}\nfor i = 1, 1e5 do t[i] = -i end\nwhile true do table.sort(t) end", 3, STEPS),
    "sort with a lying comparison": (
        "local t = {}\nfor i = 1, 1e5 do t[i] = i end\n"
        "table.sort(t, function() return true end)", 3, "invalid order function|" + STEPS),
    "sort that never ends": (
        "table.sort({ 3, 2, 1 }, function(a, b)\n while true do end\nend)", 2, STEPS),
    "a format of great width": ('local s = ("%1000000d"):format(1)', 1, "invalid|format"),
    "a format of an address": ('local s = string.format("%p", {})', 1, "%p is not available"),
    "backtracking": ('local s = ("a"):rep(200):find((".-"):rep(20) .. "b")', 1, STEPS),
    "backtracking in gsub": ('local s = ("a"):rep(5000):gsub("a*a*a*a*b", "")', 1, STEPS),
    "backtracking behind pcall": (
        'while true do pcall(string.match, ("a"):rep(3000), "a*a*a*a*a*b") end', 1, STEPS),
    "many patterns": ('while true do local s = ("x"):find("y") end', 1, STEPS),
    "a pattern nested too deep": ('local s = ("a"):rep(1000):match(("a?"):rep(1000))', 1,
                                  "too complex"),
    "a pattern without end": ('local s = ("a"):match("[a")', 1, r"\[ has no \]"),
    "a pattern with too many captures": ('local s = ("a"):match(("()"):rep(40))', 1, "too many captures"),
    "gmatch again and again": ('while true do\n for x in ("x"):rep(100):gmatch("") do end\nend', 2, STEPS),
    "a function that replaces forever": ('local s = ("x"):gsub("x", function() while true do end end)', 1,
                                         STEPS),
    "unpack of a billion": ("local a = { unpack({}, 1, 1e9) }", 1, "too many results"),
    "select of much": ('local a = select("#", unpack({}, 1, 1e7))', 1, "too many results"),
    "an error that is a table": ("error({})", 1, "an error that is no text"),
    "an error that is a function": ("error(function() end)", 1, "an error that is no text"),
    "an error that is nothing": ("error()", 1, "an error that is no text"),
    "an error of control characters": (r'error("a\0b\nc\27[31m")', 1, r"a b c \[31m"),
    "an error of a megabyte": ('error(("x"):rep(1e6))', 1, "xxx"),
    "an error that is no UTF-8": (r'error("\255\254 bad")', 1, "bad"),
    "the file system": ('io.open("/etc/passwd")', 1, "'io'"),
    "the system": ('os.execute("true")', 1, "'os'"),
    "other modules": ('require("ffi")', 1, "'require'"),
    "packages": ("package.loadlib()", 1, "'package'"),
    "the debugger": ("debug.getregistry()", 1, "'debug'"),
    "the foreign function interface": ("ffi.cdef('')", 1, "'ffi'"),
    "text that runs": ("loadstring('return 1')()", 1, "'loadstring'"),
    "a file that runs": ("dofile('/dev/zero')", 1, "'dofile'"),
    "load": ("load(function() return nil end)", 1, "'load'"),
    "another environment": ("setfenv(1, {})", 1, "'setfenv'"),
    "the environment": ("getfenv(print)", 1, "'getfenv'"),
    "the metatable of strings": ('getmetatable("").__index = nil', 1, "'getmetatable'"),
    "a metatable": ("setmetatable({}, { __gc = print })", 1, "'setmetatable'"),
    "coroutines": ("coroutine.wrap(function() while true do end end)()", 1, "'coroutine'"),
    "the collector": ("collectgarbage('stop')", 1, "'collectgarbage'"),
    "random": ("local x = math.random()", 1, "'random'"),
    "bytecode": ("\x1bLJ\x02\x00", 1, "compiled"),
    "no Lua": ("local = = 1", 1, "unexpected symbol|expected"),
    "deep syntax": ("local x = " + "(" * 5000 + "1" + ")" * 5000, 1, "too many|overflow|chunk has"),
    "an API that is written to": ("local api = sluice.apis()[1]\napi.labels = {}", 2, "cannot be set"),
    "a method without its object": ('local api = sluice.apis()[1]\napi.refuse("x")', 2, "with a colon"),
    "a method of another": ("local a = sluice.apis()\na[1].bind(a[1].services[1], {})", 2, "with a colon"),
    "a binding of a function": ("sluice.apis()[1]:bind({ config = { f = print or error } })", 1,
                                "no value of a configuration"),
    "a binding of itself": ("local t = {}\nt.config = t\nsluice.apis()[1]:bind(t)", 3, "nested too deep"),
    "a binding of not a number": ("sluice.apis()[1]:bind({ order = 0 / 0 })", 1, "no value"),
    "a binding with holes": ("sluice.apis()[1]:bind({ config = { [1] = 1, [3] = 3 } })", 1,
                             "keys are texts"),
    "a million bindings": (
        'local api = sluice.apis()[1]\nwhile true do api:warn("x") end', 2, "at most|" + STEPS),
    "keys without an order": ("for k in pairs({ [print or error] = 1 }) do end", 1, "no order"),
}

# What they set is theirs alone; the second script of each pair looks. The plan has to be whole.
HARMLESS = {
    "globals are not shared": ["x = 1\nstring.upper = nil", 'assert(x == nil and string.upper("a") == "A")'],
    "texts keep their methods": ['string.rep = function() error("mine") end\nassert(("a"):rep(2) == "aa")', ""],
    "copies are copies": ['sluice.apis()[1].labels.tier = "public"',
                          'assert(sluice.api("accounts").labels.tier == "private")'],
    "the same order every time": [
        "local seen = {}\nfor k in pairs({ z = 1, a = 1, [2] = 1, m = 1, [1] = 1, [true] = 1 }) do\n"
        " seen[#seen + 1] = tostring(k)\nend\n"
        'assert(table.concat(seen, " ") == "1 2 a m z true")', ""],
    "no addresses": ['assert(tostring({}) == "table" and string.format("%s", error) == "function")', ""],
    "patterns work": [
        'assert(("key = value"):match("^(%w+)%s*=%s*(%w+)$") == "key")\n'
        'assert(("hello world"):gsub("o", "0") == "hell0 w0rld")\n'
        'assert(("abc"):gsub("", "-") == "-a-b-c-")\n'
        'assert(("a.b"):find(".", 1, true) == 2 and ("x"):find("%.") == nil)\n'
        'assert(("f(a(b)c)d"):match("%b()") == "(a(b)c)")\n'
        'assert(("THE (quick) fox"):find("%f[%a]%a+%f[%A]") == 1)\n'
        'assert(("aa bb"):match("(%a)%1 (%a)%2") == "a")\n'
        'assert(("2026-11-28"):gsub("(%d+)-(%d+)-(%d+)", "%3.%2.%1") == "28.11.2026")\n'
        'assert(("a,b,,c"):gsub(",", { [","] = ";" }) == "a;b;;c")\n'
        'local n = 0\nfor w in ("one two three"):gmatch("%a+") do n = n + #w end\nassert(n == 11)\n'
        'assert(("  x "):match("^%s*(.-)%s*$") == "x" and ("x"):match("()") == 1)\n'
        'assert(("[x]"):match("[]]") == "]" and ("a-z"):match("[a%-]+") == "a-")\n', ""],
}

failures = []


def fail(name, message):
    failures.append(name)
    print(f"FAILED {name}: {message}")


def run(folder, *args):
    return subprocess.run([COMPILE, *args, "--plugins", PLUGINS, folder], timeout=120,
                          capture_output=True)


def write(folder, name, text):
    with open(os.path.join(folder, name), "wb") as f:
        f.write(text.encode("latin-1"))


def check_hostile(name, script, line, message):
    with tempfile.TemporaryDirectory(prefix="sluice-") as folder:
        write(folder, "apis.yaml", APIS)
        write(folder, "house.lua", script)
        done = run(folder, "check")
        errors = done.stderr.decode()
        wanted = rf"^house\.lua:{line}:1: the script fails, .*(?:{message})"
        if done.returncode != 1 or not re.search(wanted, errors, re.M):
            return fail(name, f"exit code {done.returncode}\n{errors[:2000]}")
        if any(ord(c) < 32 and c != "\n" for c in errors) or len(errors) > 4000:
            fail(name, f"its message is not clean: {errors[:200]!r}")
        plan = json.loads(run(folder, "compile", "--print").stdout)
        if not plan.get("incomplete") or not all("error" in api for api in plan["apis"]):
            fail(name, "an API is open")


def check_harmless(name, scripts):
    with tempfile.TemporaryDirectory(prefix="sluice-") as folder:
        write(folder, "apis.yaml", APIS)
        for number, script in enumerate(scripts):
            write(folder, f"{number}.lua", script)
        done = run(folder, "check")
        if done.returncode or done.stderr:
            fail(name, f"exit code {done.returncode}\n{done.stderr.decode()[:2000]}")
        if run(folder, "compile").stdout != run(folder, "compile").stdout:
            fail(name, "two runs differ")


def main():
    with ThreadPoolExecutor(4) as pool:
        work = [pool.submit(check_hostile, name, *case) for name, case in HOSTILE.items()]
        work += [pool.submit(check_harmless, name, case) for name, case in HARMLESS.items()]
        for each in work:
            each.result()
    print(f"{len(HOSTILE)} hostile, {len(HARMLESS)} harmless, {len(failures)} failures")
    sys.exit(1 if failures else 0)


main()
