# SPDX-License-Identifier: Apache-2.0
"""The gateway under test: its process, its folders, its admin socket and what it writes."""
import datetime
import json
import os
import re
import signal
import subprocess

from .cases import BUILD, SCALE, TOP, contains, scratch, wait_for
from .documents import port_of, to_yaml
from .tools import built
from .wire import Client, Closed, TimedOut

PLUGINS = f"{BUILD}/lib/sluice/plugins"
SANITIZER_REPORT = re.compile(
    r"ERROR: (Address|Leak|Thread|UndefinedBehavior)Sanitizer|WARNING: ThreadSanitizer"
    r"|runtime error:|CHECK failed|Assertion .* failed")


def environment():
    env = dict(os.environ)
    # What the sandbox denies must not go unseen.
    env.setdefault("SLUICE_SANDBOX", "kill")
    # GCC's runtimes before 14 look for a header before blocks of thread-local memory that glibc has not had since
    # 2.25, and by chance find one: then the search for leaks crashes.
    env.setdefault("ASAN_OPTIONS", "abort_on_error=0:detect_leaks=1:exitcode=86:intercept_tls_get_addr=0")
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")
    env.setdefault("TSAN_OPTIONS", "halt_on_error=0:exitcode=66:second_deadlock_stack=1")
    return env


def preloaded():
    """SLUICE_PRELOAD names a library of tests/tools that the gateways under test run with."""
    name = os.environ.get("SLUICE_PRELOAD")
    return {"LD_PRELOAD": built(name, library=True)} if name else {}


def sluice(*args, env=None, timeout=60):
    """Runs a sluice command to its end."""
    return subprocess.run([f"{BUILD}/bin/sluice", *args], capture_output=True, text=True,
                          timeout=timeout * SCALE, env={**environment(), **(env or {})})


def sluicectl(*args, timeout=30):
    return subprocess.run([f"{BUILD}/bin/sluicectl", *args], capture_output=True, text=True,
                          timeout=timeout * SCALE, env=environment())


def time_of_change(path):
    """As the gateway writes times. When a file was renamed to that."""
    changed = datetime.datetime.fromtimestamp(os.stat(path).st_ctime, datetime.timezone.utc)
    return changed.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def write_atomically(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = os.path.join(os.path.dirname(path), "." + os.path.basename(path) + ".new")
    with open(temporary, "w") as f:
        f.write(text)
    os.rename(temporary, path)


class Gateway:
    """`sluice run` on documents (a list, YAML text, or {file name: either}); stopped at the end, when
    its exit code and its error output are judged."""

    def __init__(self, documents, *, workers=1, options=(), env=None, wait=True, stop_seconds=40,
                 program=None):
        self.program = program or f"{BUILD}/bin/sluice"
        self.dir = scratch("gateway")
        self.config, self.state = f"{self.dir}/config", f"{self.dir}/state"
        self.log_path, self.error_path = f"{self.dir}/access.log", f"{self.dir}/stderr"
        os.makedirs(self.config)
        os.mkdir(self.state, 0o700)
        self.ports, self.stop_seconds = [], stop_seconds
        files = documents if isinstance(documents, dict) else {"gateway.yaml": documents}
        for name, content in files.items():
            self.write(name, content)
            if not isinstance(content, str):
                self.ports += [port_of(d) for d in content if d["kind"] == "ApiInstance"]
        self.workers, self.options, self.env = workers, options, env
        self.start()
        if wait:
            self.wait_until_ready()

    def start(self):
        self.errors = open(self.error_path, "a")
        self.process = subprocess.Popen(
            [self.program, "run", "--config", self.config, "--plugins", PLUGINS,
             "--state", self.state, "--access-log", self.log_path,
             *(["--workers", str(self.workers)] if self.workers else []), *self.options],
            stdout=self.errors, stderr=self.errors, cwd=TOP,
            env={**environment(), **preloaded(), **(self.env or {})})

    # --- folders ---
    def write(self, name, documents):
        write_atomically(f"{self.config}/{name}", to_yaml(documents))

    def remove(self, name):
        os.unlink(f"{self.config}/{name}")

    # --- admin ---
    def admin(self, method, path):
        with Client(f"{self.state}/admin.sock") as client:
            return client.request(method, path, {"connection": "close"})

    def is_answering(self, path="/probes/readiness"):
        if self.process.poll() is not None:
            raise AssertionError(f"the gateway ended with {self.process.returncode}:\n"
                                 f"{self.error_text()}")
        try:
            return self.admin("GET", path).status == 200
        except (OSError, Closed, TimedOut):
            return False

    def wait_until_ready(self):
        try:
            wait_for(self.is_answering, "readiness", 45)
        except AssertionError as e:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            raise AssertionError(f"{e}; it wrote:\n{self.error_text()}") from None

    def status(self):
        return self.admin("GET", "/status").json()

    def generation(self):
        return self.status()["generation"]

    def metrics(self):
        """{name or name{labels}: value} of the Prometheus text."""
        values = {}
        for line in self.admin("GET", "/metrics").text().splitlines():
            if line and not line.startswith("#"):
                key, _, value = line.rpartition(" ")
                values[key] = float(value)
        return values

    def wait_until_empty(self):
        """No exchange, no connection but idle ones to upstreams. Gauges are told once a second."""
        def is_empty():
            m = self.metrics()
            return m["sluice_exchanges"] == m["sluice_connections"] == m["sluice_upstream_waiting"] == 0 \
                and m["sluice_upstream_connections"] == m["sluice_upstream_connections_idle"]
        wait_for(is_empty, "an empty gateway", 15)

    def has_read(self, since):
        """What serves was read from the folder after that time, by whichever gateway answers now. Not so a higher
        generation: it may have been under way before, and the next gateway counts anew."""
        try:
            status = self.status()
        except (OSError, Closed, TimedOut):
            return False
        last = status.get("lastReload", {})
        return last.get("result") == "accepted" and status["plan"]["source"] == "folder" \
            and last["began"] >= since

    def save(self, name, documents, seconds=20):
        """Writes a file and waits until a generation with it serves."""
        self.write(name, documents)
        since = time_of_change(f"{self.config}/{name}")
        wait_for(lambda: self.has_read(since), "a generation with it", seconds)

    # --- clients ---
    @property
    def port(self):
        return self.ports[0]

    def client(self, port=None, **kwargs):
        return Client(port or self.port, **kwargs)

    def request(self, method, target, headers=(), body=None, chunked=False, port=None, host=None):
        with self.client(port) as client:
            return client.request(method, target, headers, body, chunked, host)

    def get(self, target, headers=(), port=None):
        return self.request("GET", target, headers, port=port)

    def send_raw(self, data, port=None, timeout=10):
        """Everything that comes back until the gateway closes, or goes silent for `timeout` s."""
        with self.client(port, timeout=timeout) as client:
            client.send(data)
            try:
                return client.reader.to_end()
            except TimedOut:
                return bytes(client.reader.raw)

    # --- what it wrote ---
    def records_now(self):
        try:
            with open(self.log_path) as f:
                lines = f.read().split("\n")[:-1]
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines if line]

    def records(self, count):
        """The access records, once there are at least `count`."""
        return wait_for(lambda: len(r := self.records_now()) >= count and r,
                        f"{count} access records")

    def error_text(self):
        with open(self.error_path, errors="replace") as f:
            return f.read()

    def says(self, part):
        """Its log has that, or will have: another thread writes it."""
        try:
            wait_for(lambda: part in self.error_text(), part)
        except AssertionError:
            contains(self.error_text(), part)

    # --- the process ---
    def pid(self):
        """Of the serving process: the supervisor's oldest child, or itself without one."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as f:
            children = f.read().split()
        return int(children[0]) if children else self.process.pid

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid()}/fd"))

    def memory_kib(self, field="RssAnon"):
        with open(f"/proc/{self.pid()}/status") as f:
            return int(re.search(rf"^{field}:\s+(\d+)", f.read(), re.M)[1])

    def memory_settled_kib(self):
        """Once it has stood still for a while."""
        seen = []

        def stands():
            seen.append(self.memory_kib())
            return len(seen) > 9 and len(set(seen[-9:])) == 1
        wait_for(stands, "the memory to stand still")
        return seen[-1]

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        """SIGTERM; the exit code."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            return self.process.wait(self.stop_seconds * SCALE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"no end {self.stop_seconds} s after SIGTERM; it wrote:\n"
                                 f"{self.error_text()[-4000:]}") from None

    def judge(self):
        code = self.stop()
        self.errors.close()
        text = self.error_text()
        report = SANITIZER_REPORT.search(text)
        if report:
            raise AssertionError(f"the gateway reported:\n{text[max(0, report.start() - 200):][:6000]}")
        if code != 0:
            raise AssertionError(f"exit code {code} after SIGTERM; it wrote:\n{text[-4000:]}")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.judge()
            return
        try:
            self.judge()
        except AssertionError as e:
            print(f"    besides: {e}")
        else:
            print(f"    the gateway wrote:\n{self.error_text()[-2000:]}")


class Stories:
    """What sluicectl trace tells of every request."""

    def __init__(self, gateway, count):
        self.process = subprocess.Popen(
            [f"{BUILD}/bin/sluicectl", "trace", "--json", "--count", str(count), "--for", "1h",
             "--state", gateway.state], stdout=subprocess.PIPE, text=True, env=environment())
        contains(self.process.stdout.readline(), '"begin"')

    def next(self):
        return json.loads(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(60 * SCALE)
        self.process.stdout.close()
