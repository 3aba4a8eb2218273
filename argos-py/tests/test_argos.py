"""The binding against real folders: values and errors arrive, other threads run, a closed folder is free."""

from __future__ import annotations

import copy
import http.client
import http.server
import pickle
import re
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import argos
from argos import Argos

KEY = "00" * 32
HOST = {
    "domain": "shop.test",
    "tls_mode": "none",
    "target_group": {"targets": [{"host": "127.0.0.1", "port": 3000}]},
}
TAKEN = {"domain": "shop.test", "tls_mode": "none", "target_group_id": 1}
SETUP = {"token": "wrong", "username": "root", "password": "correct horse battery"}


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Argos]:
    with Argos.open(tmp_path / "data") as it:
        yield it


def refused(kind: type[argos.ArgosError], work: Callable[[], object]) -> argos.ArgosError:
    with pytest.raises(argos.ArgosError) as caught:
        work()
    assert type(caught.value) is kind
    return caught.value


def test_a_host_that_was_made_is_listed(opened: Argos) -> None:
    made = opened.call("hosts.create", HOST)
    assert made.value["domain"] == "shop.test"
    assert made.generation == 1
    listed = opened.call("hosts.list")
    assert listed.generation is None
    assert listed.value["items"] == [made.value]
    assert opened.call("hosts.get", '{"id": %d}' % made.value["id"]).value == made.value


@pytest.mark.parametrize(
    ("name", "fields", "kind", "code", "field"),
    [
        ("hosts.create", {"domain": "a b"}, argos.InvalidError, "wrong_value", "domain"),
        ("hosts.create", {**HOST, "colour": 1}, argos.InvalidError, "unknown_field", "colour"),
        ("hosts.create", '{"domain": ', argos.InvalidError, "json.syntax", ""),
        ("hosts.get", {"id": 7}, argos.NotFoundError, "host.not_found", None),
        ("hosts.paint", {}, argos.NotFoundError, "operation.not_found", None),
        ("setup.create", SETUP, argos.UnauthorizedError, "setup.token_wrong", None),
        ("hosts.create", TAKEN, argos.ConflictError, "host.domain_taken", "domain"),
    ],
)
def test_a_refusal_has_class_code_and_field(
    opened: Argos, name: str, fields: dict[str, object] | str, kind: type[argos.ArgosError], code: str, field: str | None
) -> None:
    opened.call("hosts.create", HOST)
    error = refused(kind, lambda: opened.call(name, fields))
    assert error.code == code
    assert [f.field for f in error.fields] == ([] if field is None else [field])
    assert all(f.reason for f in error.fields)
    assert error.message and str(error) == error.message
    assert error.retry_after is None
    assert opened.call("hosts.list").value["items"][0]["domain"] == "shop.test"


def test_every_kind_has_its_class() -> None:
    source = (Path(__file__).parents[1] / "src/errors.rs").read_text()
    named = re.findall(r'ErrorKind::(\w+) => "(\w+)"', source)
    assert len(named) == 9
    for kind, name in named:
        assert name == f"{kind}Error"
        assert issubclass(getattr(argos, name), argos.ArgosError)


def test_an_error_survives_copying() -> None:
    error = argos.InvalidError("bad", "waf.syntax", [argos.FieldError("rules", "why", 3, 9)], 5)
    for same in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(same) is argos.InvalidError
        assert vars(same) == vars(error)


def test_a_folder_is_opened_once_and_free_after_closing(tmp_path: Path) -> None:
    first = Argos.open(tmp_path)
    first.call("hosts.create", HOST)
    refused(argos.ConflictError, lambda: Argos.open(tmp_path))
    first.close()
    first.close()
    assert refused(argos.UnavailableError, lambda: first.call("hosts.list")).code == "closed"
    with Argos.open(tmp_path) as again:
        assert len(again.call("hosts.list").value["items"]) == 1
    Argos.open(tmp_path).close()


def test_a_master_key_is_taken_from_one_place_and_must_fit(tmp_path: Path) -> None:
    folder, file = tmp_path / "data", tmp_path / "key"
    file.write_text(KEY)
    file.chmod(0o600)
    Argos.open(folder, master_key=KEY).close()
    Argos.open(folder, master_key_file=file).close()
    refused(argos.CorruptError, lambda: Argos.open(folder, master_key="11" * 32))
    refused(argos.InvalidError, lambda: Argos.open(folder, master_key="short"))
    both = refused(argos.InvalidError, lambda: Argos.open(folder, master_key=KEY, master_key_file=file))
    assert both.code == "master_key.two_sources"


def test_serving_begins_and_ends(opened: Argos) -> None:
    assert isinstance(opened.start(http=["127.0.0.1:0"], threads=1), list)
    opened.stop(0)
    for start in ({"http": ["nowhere"]}, {"http": [], "threads": -1}):
        assert refused(argos.InvalidError, lambda: opened.start(**start)).code == "wrong_value"
    for grace in (-1, float("nan")):
        assert refused(argos.InvalidError, lambda: opened.stop(grace)).fields[0].field == "grace_seconds"


def test_other_threads_run_during_a_call(opened: Argos) -> None:
    go, ran = threading.Lock(), threading.Event()
    go.acquire()

    def other() -> None:
        with go:
            ran.set()

    thread = threading.Thread(target=other)
    thread.start()
    interval = sys.getswitchinterval()
    # From here Python takes its lock from nobody: the other thread runs when a call gives it up, or never.
    sys.setswitchinterval(1_000_000)
    try:
        go.release()
        calls = 0
        while not ran.is_set() and calls < 10_000:
            opened.call("hosts.list")
            calls += 1
        progressed = ran.is_set()
    finally:
        sys.setswitchinterval(interval)
    thread.join()
    assert progressed


def test_serves_real_requests_and_frees_its_port(opened: Argos) -> None:
    class Upstream(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"{self.path} for {self.headers['Host']}".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream) as upstream:
        threading.Thread(target=upstream.serve_forever).start()
        target = {"host": "127.0.0.1", "port": upstream.server_port}
        opened.call("hosts.create", {**HOST, "target_group": {"targets": [target]}})
        address = opened.start(http=["127.0.0.1:0"], threads=1)[0]
        port = int(address.rsplit(":", 1)[1])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/hello", headers={"Host": "shop.test", "Connection": "close"})
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"/hello for shop.test")
        opened.stop(10)
        with pytest.raises(ConnectionRefusedError):
            http.client.HTTPConnection("127.0.0.1", port, timeout=30).connect()
        upstream.shutdown()
    rows = opened.call("logs.search", {"source": "access"}).value["items"]
    assert [(row["path"], row["status"]) for row in rows] == [("/hello", 200)]
