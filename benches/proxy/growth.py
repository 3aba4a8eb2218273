#!/usr/bin/env python3
"""Whether the number of hosts changes what a request costs: CPU time per request beside 1 and beside many hosts.

usage: growth.py ARGOS BENCHTOOL WORK [HOSTS [ROUNDS [SECONDS]]]

ARGOS is the binary; BENCHTOOL is the upstream that the proxy harness in SHARED_DIR builds (see README.md). Two data
folders are filled under WORK, or used again, one with one host and one with HOSTS (10,000). Then, round after round, each is served by one
thread on core 0 and asked by wrk on core 1: always for its last host, and, in the large one, for 1,000 names spread
over all hosts. Access rows are off. Figures: medians, and the median ratio to one host within a round.
"""
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import time

LUA = """
local spread = tonumber(os.getenv("SPREAD"))
local hosts = tonumber(os.getenv("HOSTS"))
local requests, at = {}, 0
function init()
  for i = 1, spread do
    local host = spread == 1 and hosts or 1 + (i * 7919) % hosts
    requests[i] = wrk.format("GET", "/hello", {["Host"] = "h" .. host .. ".bench.test", ["User-Agent"] = "growth"})
  end
end
function request()
  at = at % spread + 1
  return requests[at]
end
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def fill(argos, folder, upstream, hosts):
    calls = [("target_groups.create", {"name": "up", "targets": [{"host": "127.0.0.1", "port": upstream}]})]
    for i in range(1, hosts + 1):
        name = f"h{i}.bench.test"
        calls.append(("hosts.create", {"domain": name, "target_group_id": 1, "tls_mode": "none", "access_log": False}))
        calls.append(("security.update", {"host_id": i, "waf_enabled": False}))
    lines = "".join(json.dumps({"call": call, "input": given}) + "\n" for call, given in calls)
    command = [argos, "call", "-", "--create", "--data-dir", folder]
    subprocess.run(command, input=lines, text=True, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def cpu_ns(pid):
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/comm") as comm:
            if comm.read().startswith("argos-writer"):
                continue
        with open(f"/proc/{pid}/task/{task}/schedstat") as stat:
            total += int(stat.read().split()[0])
    return total


def await_port(port):
    for _ in range(400):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"nothing listens on port {port}")


def load(port, script, hosts, spread, seconds):
    command = ["taskset", "-c", "1", "wrk", "-t1", "-c32", f"-d{seconds}s", "-s", script, f"http://127.0.0.1:{port}/"]
    env = {**os.environ, "HOSTS": str(hosts), "SPREAD": str(spread)}
    text = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        sys.exit(text)
    return int(re.search(r"(\d+) requests in", text).group(1))


def measure(argos, folder, script, hosts, spread, seconds):
    port = free_port()
    command = ["taskset", "-c", "0", argos, "serve", "--data-dir", folder, "--http", f"127.0.0.1:{port}"]
    proxy = subprocess.Popen(command + ["--https", "off", "--panel", "off", "--threads", "1", "--log-level", "error"])
    try:
        await_port(port)
        load(port, script, hosts, spread, 1)
        before = cpu_ns(proxy.pid)
        requests = load(port, script, hosts, spread, seconds)
        return (cpu_ns(proxy.pid) - before) / 1000 / requests
    finally:
        proxy.terminate()
        proxy.wait()


def prepare(argos, work, hosts):
    """Fills WORK once; the upstream's port stands in the databases, so that it is kept too."""
    kept = os.path.join(work, f"ready-{hosts}")
    few, many, script = (os.path.join(work, name) for name in ("few", f"many-{hosts}", "load.lua"))
    if not os.path.exists(kept):
        os.makedirs(work)
        upstream = free_port()
        with open(script, "w") as out:
            out.write(LUA)
        fill(argos, few, upstream, 1)
        fill(argos, many, upstream, hosts)
        with open(kept, "w") as out:
            out.write(str(upstream))
    with open(kept) as port:
        return few, many, script, int(port.read())


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    argos, tool, work = (os.path.abspath(path) for path in sys.argv[1:4])
    hosts, rounds, seconds = (int(n) for n in (sys.argv[4:] + ["10000", "5", "4"][len(sys.argv) - 4:])[:3])
    few, many, script, upstream = prepare(argos, work, hosts)
    backend = subprocess.Popen(["taskset", "-c", "1", tool, "upstream", f"127.0.0.1:{upstream}"])
    try:
        kinds = {"1 host": (few, 1, 1), f"last of {hosts}": (many, hosts, 1), f"1000 of {hosts}": (many, hosts, 1000)}
        found = {name: [] for name in kinds}
        for _ in range(rounds):
            for name, (folder, count, spread) in kinds.items():
                found[name].append(measure(argos, folder, script, count, spread, seconds))
    finally:
        backend.terminate()
        backend.wait()
    for name, figures in found.items():
        ratio = statistics.median(a / b for a, b in zip(figures, found["1 host"]))
        shown = ", ".join(f"{figure:.2f}" for figure in figures)
        print(f"{name:>16}: {statistics.median(figures):6.2f} us CPU a request, x {ratio:.3f}   [{shown}]")


if __name__ == "__main__":
    main()
