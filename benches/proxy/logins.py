#!/usr/bin/env python3
"""What fifty sign-ins at once do to proxied requests: their p99 with and without.

usage: logins.py ARGOS BENCHTOOL WORK [ROUNDS [SECONDS]]

ARGOS is the binary; BENCHTOOL is the upstream that the proxy harness in SHARED_DIR builds (see README.md). wrk keeps four
connections busy for SECONDS, once alone and once while fifty clients sign in at once by a right password. Everything
shares the machine's cores: clients, upstream, proxy and hashing. Figures: the p99 of each run, the medians over the
rounds, how the sign-ins were answered, and how long they took together.
"""
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import threading
import time

PASSWORD = "sturdy-lantern-47"
CLIENTS = 50


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def fill(argos, folder, upstream):
    host = {"domain": "open.bench.test", "target_group_id": 1, "tls_mode": "none", "access_log": False}
    calls = [
        ("target_groups.create", {"name": "up", "targets": [{"host": "127.0.0.1", "port": upstream}]}),
        ("hosts.create", host),
        ("security.update", {"host_id": 1, "waf_enabled": False}),
        ("users.create", {"username": "ada", "role": "admin", "password": PASSWORD}),
    ]
    lines = "".join(json.dumps({"call": call, "input": given}) + "\n" for call, given in calls)
    command = [argos, "call", "-", "--create", "--data-dir", folder]
    subprocess.run(command, input=lines, text=True, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def await_port(port):
    for _ in range(400):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"nothing listens on port {port}")


def load(port, seconds):
    """Milliseconds of the p99."""
    command = ["wrk", "-t1", "-c4", f"-d{seconds}s", "--latency", "-H", "Host: open.bench.test"]
    text = subprocess.run([*command, f"http://127.0.0.1:{port}/hello"], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        sys.exit(text)
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def burst(panel, after, counts):
    """All of them at once, `after` seconds from now: each on a connection that is open by then."""
    body = json.dumps({"username": "ada", "password": PASSWORD})
    head = f"POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    asked = f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
    clients = [socket.create_connection(("127.0.0.1", panel), 60) for _ in range(CLIENTS)]
    time.sleep(after)
    began = time.monotonic()
    for client in clients:
        client.sendall(asked)
    for client in clients:
        answer = b""
        while more := client.recv(65536):
            answer += more
        counts.append(int(answer.split(b" ", 2)[1]))
        client.close()
    counts.append(time.monotonic() - began)


def measure(port, panel, seconds):
    alone, counts = load(port, seconds), []
    clients = threading.Thread(target=burst, args=(panel, seconds / 4, counts))
    clients.start()
    beside = load(port, seconds)
    clients.join()
    return alone, beside, counts


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    argos, tool, work = (os.path.abspath(path) for path in sys.argv[1:4])
    rounds, seconds = (int(n) for n in (sys.argv[4:] + ["5", "10"][len(sys.argv) - 4:])[:2])
    folder, upstream, port, panel = os.path.join(work, "logins"), free_port(), free_port(), free_port()
    if os.path.exists(folder):
        sys.exit(f"{folder} is there already")
    os.makedirs(work, exist_ok=True)
    fill(argos, folder, upstream)
    backend = subprocess.Popen([tool, "upstream", f"127.0.0.1:{upstream}"])
    command = [argos, "serve", "--data-dir", folder, "--http", f"127.0.0.1:{port}", "--https", "off"]
    proxy = subprocess.Popen(command + ["--panel", f"127.0.0.1:{panel}", "--log-level", "error"])
    try:
        await_port(port)
        await_port(panel)
        load(port, 1)
        found = [measure(port, panel, seconds) for _ in range(rounds)]
    finally:
        for process in (proxy, backend):
            process.terminate()
            process.wait()
    for alone, beside, counts in found:
        *counts, took = counts
        statuses = ", ".join(f"{counts.count(status)} times {status}" for status in sorted(set(counts)))
        print(f"p99 alone {alone:7.3f} ms, beside sign-ins {beside:7.3f} ms; {statuses} in {took:.1f} s")
    alone, beside = (statistics.median(pair[i] for pair in found) for i in (0, 1))
    print(f"medians: {alone:.3f} ms alone, {beside:.3f} ms beside: {beside / alone - 1:+.0%}")


if __name__ == "__main__":
    main()
