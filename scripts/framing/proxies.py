"""What the cases are run against: Argos, other proxies, and one that understands nothing."""

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from case import TRUSTED

NAMES = ("a.test", "*.w.test", "small.test")


class Proxy:
    """A running program before the upstream: its address, and that for HTTP/2, which may be inside TLS."""

    def __init__(self, name, http, frames, tls, process, folder):
        self.name, self.http, self.frames, self.tls = name, http, frames, tls
        self.process, self.folder = process, folder

    def stop(self):
        """Ends the program and removes its folder."""
        self.process.terminate()
        self.process.wait()
        if self.process.stderr:
            self.process.stderr.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def argos(binary, upstream, waf):
    """Argos with a host for a name, one for a wildcard, and one whose bodies are small. With its WAF, which detects
    only, bodies are held and go another way."""
    if not os.access(binary, os.X_OK):
        raise SystemExit(f"{binary} is no program")
    folder = tempfile.mkdtemp(prefix="argos-framing-")
    host, port = upstream.rsplit(":", 1)
    calls = [("settings.set", {"key": "proxy.trusted_proxies", "value": TRUSTED})]
    calls += [("target_groups.create", {"name": "upstream", "targets": [{"host": host, "port": int(port)}]})]
    for number, name in enumerate(NAMES, 1):
        limit = 100 if name == "small.test" else None
        fields = {"domain": name, "target_group_id": 1, "tls_mode": "none", "max_body_bytes": limit}
        calls.append(("hosts.create", fields))
        calls.append(("security.update", {"host_id": number, "waf_enabled": waf}))
    text = "".join(json.dumps({"call": call, "input": fields}) + "\n" for call, fields in calls)
    data = f"{folder}/data"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ARGOS_")}
    subprocess.run(
        [binary, "call", "-", "--create", "--data-dir", data, "--log-level", "error"],
        input=text, text=True, check=True, stdout=subprocess.DEVNULL, env=environment,
    )
    command = [binary, "serve", "--data-dir", data, "--http", "127.0.0.1:0", "--https", "off", "--panel", "off",
               "--threads", "1", "--grace", "1"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    said = ""
    for text in process.stderr:
        said += text
        if found := re.search(r"http: http://(127\.0\.0\.1:\d+)", text):
            # What it says from here on is read, so that it never waits for a reader.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return Proxy("argos, WAF on" if waf else "argos", found[1], found[1], None, process, folder)
    raise SystemExit(f"argos did not start:\n{said}")


# What the templates of SHARED_DIR leave open, and how each program is started and tells its version.
PEERS = {
    "nginx": (["nginx", "-e", "{dir}/start.log", "-p", "{dir}", "-c", "{conf}"], "nginx.conf.tmpl", ["nginx", "-v"],
              {"access_log": "access_log off;"}),
    "haproxy": (["haproxy", "-f", "{conf}", "-db"], "haproxy.cfg.tmpl", ["haproxy", "-v"], {}),
    "caddy": (["caddy", "run", "--config", "{conf}"], "caddy.json.tmpl", ["caddy", "version"],
              {"log_level": "ERROR", "route": '{"handle": [{"handler": "reverse_proxy", '
                                              '"upstreams": [{"dial": "{{upstream}}"}]}]}'}),
}


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % probe.getsockname()[1]


def peer(name, upstream):
    """Another proxy, configured by the harness of SHARED_DIR; HTTP/2 is spoken inside TLS."""
    command, template, version, variables = PEERS[name]
    folder = tempfile.mkdtemp(prefix="argos-framing-")
    cert, key, pem, conf = (f"{folder}/{part}" for part in ("cert.pem", "key.pem", "both.pem", "conf"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=a.test", "-addext", "subjectAltName=DNS:a.test,DNS:x.w.test", "-keyout", key, "-out", cert],
        check=True, stderr=subprocess.DEVNULL,
    )
    Path(pem).write_text(Path(cert).read_text() + Path(key).read_text())
    places = {"dir": folder, "conf": conf, "cert": cert, "key": key, "pem": pem, "upstream": upstream,
              "http": free_address(), "https": free_address(), "admin": free_address()}
    text = (Path(os.environ["SHARED_DIR"]) / "tools/proxy-bench/conf" / template).read_text()
    while (filled := re.sub(r"{{(\w+)}}", lambda m: {**places, **variables}.get(m[1], ""), text)) != text:
        text = filled
    Path(conf).write_text(text)
    environment = {**os.environ, "HOME": folder, "XDG_DATA_HOME": folder, "XDG_CONFIG_HOME": folder}
    process = subprocess.Popen([part.format(**places) for part in command], stdout=subprocess.DEVNULL,
                               stderr=open(f"{folder}/said", "w"), env=environment)
    told = subprocess.run(version, capture_output=True, text=True)
    number = re.search(r"\d+\.\d+(\.\d+)?", told.stdout + told.stderr)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.load_verify_locations(cert)
    tls.set_alpn_protocols(["h2"])
    proxy = Proxy(f"{name} {number[0]}", places["http"], places["https"], tls, process, folder)
    for _ in range(200):
        try:
            socket.create_connection(places["http"].split(":")).close()
            return proxy
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.05)
    said = Path(f"{folder}/said").read_text()
    proxy.stop()
    raise SystemExit(f"{name} did not start:\n{said}")


class Naive:
    """Passes bytes on without a look at them."""

    name, tls = "naive", None

    def __init__(self, upstream):
        self.upstream = upstream.rsplit(":", 1)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.http = self.frames = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            upstream = socket.create_connection(self.upstream)
            for pair in ((client, upstream), (upstream, client)):
                threading.Thread(target=pump, args=pair, daemon=True).start()

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def pump(source, sink):
    try:
        while data := source.recv(1 << 16):
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
