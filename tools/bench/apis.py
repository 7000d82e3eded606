# SPDX-License-Identifier: Apache-2.0
"""What a large configuration costs: a folder of thousands of APIs, a file and two policies each.

  load      from the start of `sluice run` to the first answer of the last API
  memory    resident, of the gateway's process after the load, and the peak of the compiling one
  edit      from the save of one file to the first answer that shows it
  request   CPU per request, spread over all APIs, beside a gateway with one
"""
import os
import re
import resource
import shutil
import socket
import statistics
import subprocess
import time

from proxies import LOAD_CORE, Sluice, descendants

API = """apiVersion: gateway.sluice.dev/v1
kind: ApiInstance
metadata:
  name: {name}
  labels:
    team: team-{team}
spec:
  address: http://127.0.0.1:{port}/{name}
  services:
    origin:
      address: http://127.0.0.1:{backend}
  policies:
    - policyRef:
        name: header-injection
      config:
        inboundHeaders:
          - key: x-team
            value: team-{team}
        outboundHeaders:
          - key: x-edition
            value: "{edition}"
    - policyRef:
        name: rate-limiting
      config:
        rateLimits:
          - maximumRequests: 1000000000
            timePeriodInMilliseconds: 60000
"""

# The path of a random API; with one API the same work for the same path.
WRK_SCRIPT = """
local count = {count}
request = function()
  return wrk.format("GET", string.format("/api-%05d/", math.random(0, count - 1)))
end
"""


class ManyApis(Sluice):
    """Sluice with `count` APIs, two workers where nothing else is said."""

    def __init__(self, top, folder, backend_port, count, workers=1):
        self.count, self.workers = count, workers
        super().__init__(top, folder, backend_port, f"{count}-apis-{workers}-workers")
        shutil.rmtree(f"{self.dir}/config", ignore_errors=True)
        os.makedirs(f"{self.dir}/config")
        os.makedirs(f"{self.dir}/state", mode=0o700, exist_ok=True)
        for i in range(count):
            self.write_api(i, "0")

    def write_api(self, i, edition):
        name = f"api-{i:05d}"
        path = self.write(f".{name}.new", API.format(
            name=name, team=i % 100, port=self.port, backend=self.backend_port, edition=edition))
        os.rename(path, f"{self.dir}/config/{name}.yaml")

    def command(self):
        build = f"{self.top}/build/release"
        return [f"{build}/bin/sluice", "run", "--config", f"{self.dir}/config", "--plugins",
                f"{build}/lib/sluice/plugins", "--state", f"{self.dir}/state", "--workers",
                str(self.workers), "--access-log", "off", "--log-level", "error"]

    def edition(self, i):
        """The edition that API i answers with; None while it does not."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as s:
                s.sendall(f"GET /api-{i:05d}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                          .encode())
                got = b""
                while piece := s.recv(65536):
                    got += piece
        except OSError:
            return None
        m = re.search(rb"(?i)\r\nx-edition: (\S*)\r\n", got)
        return m and got.startswith(b"HTTP/1.1 200") and m[1].decode()

    def wait_for_edition(self, i, edition, seconds=120):
        end = time.monotonic() + seconds
        while self.edition(i) != edition:
            if time.monotonic() > end:
                raise RuntimeError(f"API {i} does not answer with edition {edition}")
            time.sleep(0.002)

    def resident_kib(self):
        """Of the process that serves: the largest one."""
        sizes = []
        for pid in descendants(self.process.pid):
            try:
                with open(f"/proc/{pid}/status") as f:
                    sizes.append(int(re.search(r"^VmRSS:\s+(\d+)", f.read(), re.M)[1]))
            except (FileNotFoundError, ProcessLookupError, TypeError):
                pass
        return max(sizes)


def measure_load(p):
    """Seconds from the start to an answer of the last API, on all cores."""
    began = time.monotonic()
    p.start(core=f"0-{os.cpu_count() - 1}", seconds=120)
    p.wait_for_edition(p.count - 1, "0")
    return time.monotonic() - began


def measure_edits(p, edits):
    """Seconds of each; the files are spread over the folder."""
    took = []
    for n in range(1, edits + 1):
        i = n * 7919 % p.count
        began = time.monotonic()
        p.write_api(i, str(n))
        p.wait_for_edition(i, str(n))
        took.append(time.monotonic() - began)
        time.sleep(0.2)  # the next edit meets a gateway at rest
    return took


def measure_compile(p):
    """{seconds, peak KiB} of the process that composes, everything new."""
    code = ("import os, resource, subprocess, sys, time\n"
            "began = time.monotonic()\n"
            "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)\n"
            "took = time.monotonic() - began\n"
            "print(done.returncode, took, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
    build = f"{p.top}/build/release"
    done = subprocess.run(
        ["python3", "-c", code, f"{build}/bin/sluice-compile", "compile", "--plugins",
         f"{build}/lib/sluice/plugins", f"{p.dir}/config"], capture_output=True, text=True)
    code, seconds, peak = done.stdout.split()
    if code != "0":
        raise RuntimeError(f"sluice-compile: {done.stderr[-2000:]}")
    return {"seconds": float(seconds), "peak_mib": int(peak) / 1024}


def wrk_spread(p, connections, seconds):
    script = p.write("spread.lua", WRK_SCRIPT.format(count=p.count))
    done = subprocess.run(
        ["taskset", "-c", str(LOAD_CORE), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s",
         script, f"http://127.0.0.1:{p.port}/"], capture_output=True, text=True)
    requests = re.search(r"(\d+) requests in", done.stdout)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", done.stdout)
    if not requests or int(requests[1]) == 0 or bad:
        raise RuntimeError(f"wrk: {done.stdout}{done.stderr}")
    return int(requests[1])


def median_ms(seconds):
    return statistics.median(seconds) * 1000
