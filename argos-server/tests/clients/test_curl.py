"""curl, nghttp and h2load: what people have at hand."""

import hashlib
import json
import re

import pytest

from gateway import host
from upstreams import pattern, prose


@pytest.fixture
def curl(run, shared):
    """curl for `app.test`, whose certificate it checks."""
    http, https = shared.http[1], shared.https[1]
    pins = [f"app.test:{port}:127.0.0.1" for port in (http, https)]
    words = ["-sS", "--cacert", shared.ca, *(word for pin in pins for word in ("--resolve", pin))]

    def curl(path: str, *more: str, scheme="https", fails=False) -> str:
        port = https if scheme == "https" else http
        return run("curl", *words, *more, f"{scheme}://app.test:{port}{path}", fails=fails)

    return curl


VERSIONS = [
    ("1.0", "http", ["--http1.0"]),
    ("1.0", "https", ["--http1.0"]),
    ("1.1", "https", ["--http1.1"]),
    ("2", "https", ["--http2"]),
    ("1.1", "http", ["--http1.1"]),
    ("2", "http", ["--http2-prior-knowledge"]),
    ("2", "https", ["--http2", "--tlsv1.2", "--tls-max", "1.2"]),
]


@pytest.mark.parametrize(("version", "scheme", "how"), VERSIONS)
def test_versions(curl, version, scheme, how):
    said = curl("/echo?a=1", *how, "-w", "\n%{http_version} %{http_code}", scheme=scheme)
    seen, end = said.rsplit("\n", 1)
    # What an HTTP/1.0 client is answered has the version of the server. Source: RFC 9110 §2.5.
    assert end == f"{'1.1' if version == '1.0' else version} 200"
    seen = json.loads(seen)
    assert (seen["method"], seen["path"]) == ("GET", "/echo?a=1")
    fields = dict(seen["headers"])
    assert fields["x-forwarded-proto"] == scheme
    assert fields["x-forwarded-for"] == "127.0.0.1"
    assert fields["via"].endswith(" argos")


@pytest.mark.parametrize(("version", "scheme", "how"), VERSIONS[2:6])
def test_bodies(curl, tmp_path, version, scheme, how):
    body = pattern(1_000_000)
    file = tmp_path / "body"
    file.write_bytes(body)
    chunked = ["-H", "Transfer-Encoding: chunked"]
    for form in (["--data-binary", f"@{file}"], ["-T", str(file)], ["-T", str(file), *chunked]):
        # curl waits for 100 Continue where it speaks HTTP/1.1.
        form += ["-H", "Content-Type: application/octet-stream", "-H", "Expect: 100-continue"]
        seen = json.loads(curl("/echo", *how, *form, scheme=scheme))
        assert (seen["size"], seen["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
    out = tmp_path / "out"
    curl("/bytes/2000000", *how, "-o", str(out), scheme=scheme)
    assert out.read_bytes() == pattern(2_000_000)


@pytest.mark.parametrize(("version", "scheme", "how"), VERSIONS[2:6])
def test_heads(curl, version, scheme, how):
    head = curl("/hints", *how, "-i", scheme=scheme).lower()
    hints = r"http/\S+ 103[^\n]*\nlink: </a.css>; rel=preload\n\nhttp/\S+ 200.*after the hints"
    assert re.match(hints, head, re.DOTALL)
    head = curl("/bytes/77", *how, "-I", scheme=scheme).lower()
    assert "content-length: 77\n" in head and "x-request-id: " in head
    assert "connection: " not in head or version == "1.1"
    assert curl("/status/204", *how, "-w", "%{http_code}", scheme=scheme) == "204"
    # What was cut short is an error, not an answer.
    assert re.search(r"curl: \((18|56|92)\)", curl("/cut", *how, scheme=scheme, fails=True))


def test_one_connection_serves_many(curl):
    for how in (["--http1.1"], ["--http2"]):
        said = curl("/status/[200-219]", *how, "-o", "/dev/null", "-w", "%{num_connects} %{http_code}\n")
        found = [line.split() for line in said.splitlines()]
        assert [int(code) for _, code in found] == list(range(200, 220))
        assert sum(int(new) for new, _ in found) == 1, said


def test_names(run, shared):
    """A name that nobody serves: 404 where it is plain, 421 where it is not."""
    port = shared.https[1]
    words = ["-sS", "-w", "%{http_code}", "-o", "/dev/null"]
    assert run("curl", *words, "-H", "Host: nobody.test", f"http://127.0.0.1:{shared.http[1]}/") == "404"
    for how in ("--http1.1", "--http2"):
        found = run("curl", *words, "--cacert", shared.ca, "--resolve", f"app.test:{port}:127.0.0.1", how,
                    "-H", "Host: nobody.test", f"https://app.test:{port}/")
        assert found == "421"
        # The certificate of another name is not taken for its own.
        said = run("curl", *words, "--cacert", shared.ca, "--resolve", f"nobody.test:{port}:127.0.0.1", how,
                   f"https://nobody.test:{port}/", fails=True)
        assert "curl: (60)" in said


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_nghttp(run, shared, tmp_path, scheme):
    port = shared.https[1] if scheme == "https" else shared.http[1]
    base = f"{scheme}://localhost:{port}"
    out = run("nghttp", "-v", "-n", "--no-dep", f"{base}/hints", f"{base}/echo", f"{base}/bytes/100000", ca=shared.ca)
    statuses = re.findall(r":status: (\d+)", out)
    assert sorted(statuses) == ["103", "200", "200", "200"], out
    assert "GOAWAY" not in re.sub(r"send GOAWAY.*?\n.*?\n", "", out)
    assert "verification failed" not in out.lower()
    # A body with trailers and a padded one.
    body = tmp_path / "body"
    body.write_bytes(pattern(300_000))
    out = run("nghttp", "-d", body, "--no-content-length", "--trailer", "x-sum: 7", "-b", "16",
              "-H", "content-type: application/octet-stream", f"{base}/echo", ca=shared.ca)
    seen = json.loads(out)
    assert (seen["size"], seen["sha256"]) == (300_000, hashlib.sha256(pattern(300_000)).hexdigest())
    assert seen["trailers"] == {"x-sum": "7"}
    out = run("nghttp", "-v", f"{base}/trailers", ca=shared.ca)
    assert "x-sum: 7" in out
    # A small window for each stream and for all.
    out = run("nghttp", "-w", "10", "-W", "12", f"{base}/bytes/200000", ca=shared.ca)
    assert out


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_h2load(run, shared, scheme):
    port = shared.https[1] if scheme == "https" else shared.http[1]
    out = run("h2load", "-n", "300", "-c", "10", "-m", "20", f"{scheme}://localhost:{port}/nobody", ca=shared.ca)
    assert "300 succeeded, 0 failed, 0 errored, 0 timeout" in out, out
    assert "status codes: 300 2xx" in out, out
    assert "h2" in re.search(r"Application protocol: (\S+)", out)[1]
    out = run("h2load", "--h1", "-n", "100", "-c", "5", f"{scheme}://localhost:{port}/nobody", ca=shared.ca)
    assert "status codes: 100 2xx" in out, out


def test_compression(run, start, upstream, tmp_path):
    """Every coding that curl reads, over each version, is the text that the upstream gave."""
    argos = start(host(upstream.address, compression=True))
    out, head = tmp_path / "out", tmp_path / "head"
    for _, scheme, how in VERSIONS[2:6]:
        port = (argos.https if scheme == "https" else argos.http)[1]
        words = ["-sS", "--cacert", argos.ca, "--resolve", f"app.test:{port}:127.0.0.1", "-o", out, "-D", head, *how]
        url = f"{scheme}://app.test:{port}/prose/20000"
        for accept in ("gzip", "br", "zstd"):
            run("curl", *words, "--compressed", "-H", f"Accept-Encoding: {accept}", url)
            assert out.read_bytes() == prose(20000)
            assert f"content-encoding: {accept}\n" in head.read_text().lower()
        run("curl", *words, url)
        assert out.read_bytes() == prose(20000)
        assert "content-encoding" not in head.read_text().lower()


@pytest.mark.parametrize("how", ["--http1.1", "--http2"])
def test_the_panel_inside_tls(run, start, upstream, how):
    argos = start(host(upstream.address), more=["--panel", "127.0.0.1:0", "--panel-tls"])
    port = argos.log.wait(r"panel: https://[^ ]+:([0-9]+)/")[1]
    words = ["-sS", "--cacert", argos.ca, how, "-o", "/dev/null", "-w", "%{http_code} %{http_version}"]
    version = how.removeprefix("--http")
    for name, status in [("localhost", 200), ("127.0.0.1", 200)]:
        assert run("curl", *words, f"https://{name}:{port}/login") == f"{status} {version}"
    # A name that somebody else made lead here.
    pin = ["--resolve", f"evil.test:{port}:127.0.0.1", "--insecure"]
    assert run("curl", *words, *pin, f"https://evil.test:{port}/login") == f"421 {version}"
