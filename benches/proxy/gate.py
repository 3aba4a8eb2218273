#!/usr/bin/env python3
"""What the gate of a protected host costs: CPU time per request of a host with and without a sign-in.

usage: gate.py ARGOS BENCHTOOL WORK [PAIRS [SECONDS]]

ARGOS is the binary; BENCHTOOL is the upstream that the proxy harness in SHARED_DIR builds (see README.md). A data folder
is made under WORK with two hosts before one upstream, one of which wants a sign-in, and a session. One thread on core 0
serves them, and wrk on core 1 asks them in turns, always by the same request, which brings the session's cookie. Access
rows are off. Figures: medians, and the median difference between neighbours, with the middle half of the differences.
"""
import hashlib
import json
import os
import re
import socket
import sqlite3
import statistics
import subprocess
import sys
import time

TOKEN = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
# The same header that the harness sends, and the session in it.
COOKIE = "session=4f2c1e0d9b8a7c6d5e4f3a2b1c0d9e8f; theme=dark; lang=en; argos_session=" + TOKEN


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def fill(argos, folder, upstream):
    calls = [("target_groups.create", {"name": "up", "targets": [{"host": "127.0.0.1", "port": upstream}]})]
    for i, name in enumerate(("open", "protected"), 1):
        host = {"domain": f"{name}.bench.test", "target_group_id": 1, "tls_mode": "none", "access_log": False}
        calls.append(("hosts.create", {**host, "auth_required": name == "protected"}))
        calls.append(("security.update", {"host_id": i, "waf_enabled": False}))
    lines = "".join(json.dumps({"call": call, "input": given}) + "\n" for call, given in calls)
    command = [argos, "call", "-", "--create", "--data-dir", folder]
    subprocess.run(command, input=lines, text=True, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    now = int(time.time() * 1000)
    with sqlite3.connect(os.path.join(folder, "argos.db")) as db:
        columns = "username, email, display_name, oidc_groups, created_at, updated_at"
        given = ("ada", "ada@bench.test", "Ada", '["staff"]', now, now)
        db.execute(f"INSERT INTO users ({columns}) VALUES (?, ?, ?, ?, ?, ?)", given)
        columns = "token, user_id, created_at, last_seen_at, expires_at, kind, host_id"
        given = (hashlib.sha256(TOKEN.encode()).hexdigest(), now, now, now + 86_400_000)
        db.execute(f"INSERT INTO sessions ({columns}) VALUES (?, 1, ?, ?, ?, 'host', 2)", given)
    db.close()


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


def load(port, host, seconds):
    command = ["taskset", "-c", "1", "wrk", "-t1", "-c32", f"-d{seconds}s", "-H", f"Host: {host}.bench.test"]
    command += ["-H", f"Cookie: {COOKIE}", "-H", "Accept: text/html", "-H", "User-Agent: gate"]
    text = subprocess.run([*command, f"http://127.0.0.1:{port}/hello"], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        sys.exit(text)
    return int(re.search(r"(\d+) requests in", text).group(1))


def measure(port, pid, host, seconds):
    """Microseconds of CPU a request."""
    before = cpu_ns(pid)
    requests = load(port, host, seconds)
    return (cpu_ns(pid) - before) / 1000 / requests


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    argos, tool, work = (os.path.abspath(path) for path in sys.argv[1:4])
    pairs, seconds = (int(n) for n in (sys.argv[4:] + ["20", "1"][len(sys.argv) - 4:])[:2])
    folder, upstream, port = os.path.join(work, "gate"), free_port(), free_port()
    if os.path.exists(folder):
        sys.exit(f"{folder} is there already")
    os.makedirs(work, exist_ok=True)
    fill(argos, folder, upstream)
    backend = subprocess.Popen(["taskset", "-c", "1", tool, "upstream", f"127.0.0.1:{upstream}"])
    command = ["taskset", "-c", "0", argos, "serve", "--data-dir", folder, "--http", f"127.0.0.1:{port}"]
    proxy = subprocess.Popen(command + ["--https", "off", "--panel", "off", "--threads", "1", "--log-level", "error"])
    found = {"open": [], "protected": []}
    try:
        await_port(port)
        load(port, "protected", 1)
        for n in range(pairs):
            # Which one comes first changes, so that a machine that slows down speaks for neither.
            for host in sorted(found, reverse=n % 2 == 1):
                found[host].append(measure(port, proxy.pid, host, seconds))
    finally:
        for process in (proxy, backend):
            process.terminate()
            process.wait()
    for host, figures in found.items():
        print(f"{host:>10}: {statistics.median(figures):6.2f} us CPU a request")
    more = sorted(a - b for a, b in zip(found["protected"], found["open"]))
    low, high = more[len(more) // 4], more[len(more) * 3 // 4]
    print(f"the gate: {statistics.median(more):+.2f} us a request ({low:+.2f} to {high:+.2f})")


if __name__ == "__main__":
    main()
