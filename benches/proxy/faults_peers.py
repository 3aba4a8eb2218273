"""The proxies of `faults` and what each of them is told, so that all of them are told the same."""
import json
import os
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
DELAY_MS = 10
SETTINGS = {
    "response_ms": 1000,
    "said": (
        f"Upstreams take {DELAY_MS} ms. For all: at most three targets a request; connect timeout 1 s, response\n"
        "timeout 1 s (10 s where uneven); out after three failures in a row for 30 s (HAProxy: until its checks\n"
        "pass). Argos and HAProxy check every 2 s with timeout 1 s: out after two failed, back after two passed;\n"
        "nginx has no checks. No POST that may have been processed is repeated, and no request that was answered 500."
    ),
}


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Peer:
    """Writes the configuration into a folder; called, it gives the command to run."""

    def __init__(self, binary, command):
        self.binary, self.command = binary, command

    def needs(self):
        return self.binary

    def __call__(self, *given):
        return self.command(self.binary, *given)


def argos(binary, folder, port, targets, algorithm, response_ms, keep):
    group = {
        "name": "upstreams", "algorithm": algorithm, "max_retries": 2,
        "connect_timeout_ms": 1000, "response_timeout_ms": response_ms,
        "health_check_enabled": True, "health_check_path": "/health", "health_check_interval_seconds": 2,
        "health_check_timeout_seconds": 1, "health_check_fails_to_unhealthy": 2, "health_check_passes_to_healthy": 2,
        "targets": [{"host": "127.0.0.1", "port": target} for target in targets],
    }
    host = {"domain": "*", "target_group_id": 1, "tls_mode": "none", "https_redirect": False, "access_log": keep}
    calls = [("target_groups.create", group), ("hosts.create", host),
             ("security.update", {"host_id": 1, "waf_enabled": False})]
    lines = "".join(json.dumps({"call": call, "input": given}) + "\n" for call, given in calls)
    data = os.path.join(folder, "data")
    filled = subprocess.run([binary, "call", "-", "--create", "--data-dir", data], input=lines, text=True,
                            capture_output=True)
    if filled.returncode:
        sys.exit(f"{binary}: {filled.stdout[-1000:]} {filled.stderr[-1000:]}")
    return [binary, "serve", "--data-dir", data, "--http", f"127.0.0.1:{port}", "--https", "off", "--panel", "off",
            "--threads", "1", "--log-level", "warn", "--grace", "2"]


# It has no checks of its own accord in this edition: the passive ejection is all there is. Its default for a request
# that may have been processed is ours too: only the idempotent ones go to another target.
NGINX = """
daemon off;
user root;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log error;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 1000000;
    upstream up {{
        {balance}
        {servers}
        keepalive 512;
        keepalive_requests 1000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://up;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_connect_timeout 1s;
            proxy_send_timeout {seconds}s;
            proxy_read_timeout {seconds}s;
            proxy_next_upstream error timeout;
            proxy_next_upstream_tries 3;
        }}
    }}
}}
"""


def nginx(binary, folder, port, targets, algorithm, response_ms, _):
    servers = "\n        ".join(f"server 127.0.0.1:{target} max_fails=3 fail_timeout=30s;" for target in targets)
    balance = "least_conn;" if algorithm == "least_conn" else ""
    path = os.path.join(folder, "nginx.conf")
    with open(path, "w") as out:
        out.write(NGINX.format(folder=folder, port=port, servers=servers, balance=balance, seconds=response_ms // 1000))
    return [binary, "-e", os.path.join(folder, "error.log"), "-p", folder, "-c", path]


# `retry-on` repeats what `retries` alone does not: a request that was sent and came to nothing. Its documentation warns
# of that for anything but idempotent requests, and names `disable-l7-retry` for them. `redispatch 1` has each further
# try go to another server. `observe` is its passive ejection: after three failures in a row the server is down at once,
# and the checks bring it back; a 5xx other than 501 and 505 is such a failure too, unlike elsewhere.
HAPROXY = """
global
    nbthread 1
    maxconn 4000
defaults
    mode http
    timeout connect 1s
    timeout check 1s
    timeout server {response_ms}ms
    timeout client 60s
    timeout http-keep-alive 60s
    retries 2
    option redispatch 1
    retry-on conn-failure empty-response response-timeout
frontend f
    bind 127.0.0.1:{port} backlog 4096
    default_backend b
backend b
    balance {balance}
    http-reuse always
    http-request disable-l7-retry unless {{ method GET }}
    option httpchk GET /health
    http-check expect status 200
    default-server check inter 2s fall 2 rise 2 {passive}
    {servers}
"""


def haproxy(passive):
    def command(binary, folder, port, targets, algorithm, response_ms, _):
        servers = "\n    ".join(f"server t{i} 127.0.0.1:{target}" for i, target in enumerate(targets))
        balance = {"least_conn": "leastconn", "round_robin": "roundrobin"}[algorithm]
        path = os.path.join(folder, "haproxy.cfg")
        with open(path, "w") as out:
            out.write(HAPROXY.format(port=port, servers=servers, balance=balance, passive=passive,
                                     response_ms=response_ms))
        return [binary, "-f", path, "-db"]
    return command


ARGOS = os.environ.get("ARGOS_BIN") or os.path.join(HERE, "..", "..", "target", "release", "argos")
PEERS = {
    "argos": Peer(os.path.abspath(ARGOS), argos),
    "nginx": Peer("nginx", nginx),
    "haproxy": Peer("haproxy", haproxy("observe layer7 error-limit 3 on-error mark-down")),
    "haproxy-checks": Peer("haproxy", haproxy("")),  # with its checks alone, as most have it
}
