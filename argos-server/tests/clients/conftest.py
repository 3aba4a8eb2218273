"""What the tests of clients share."""

import os
import shutil
import subprocess

import pytest

from gateway import PATIENCE, Argos, environment, host
from upstreams import Upstream


def pytest_report_header() -> str:
    from gateway import BINARY

    return f"argos: {BINARY}"


def program(*names: str) -> str:
    """The path of the first program that is here. Where continuous integration runs, one must be."""
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        text = f"{' or '.join(names)} is not installed"
        assert not os.environ.get("CI"), text
        pytest.skip(text)
    return found


@pytest.fixture(scope="session")
def run():
    """Runs a client that ends by itself and gives what it printed."""

    def run(name: str, *words: str, ca=None, fails: bool = False) -> str:
        env = environment() | ({"SSL_CERT_FILE": str(ca)} if ca else {})
        command = [program(name), *map(str, words)]
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE, env=env, text=True, errors="replace")
        assert fails or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    return run


@pytest.fixture(scope="module")
def upstream():
    upstream = Upstream()
    yield upstream
    upstream.close()


@pytest.fixture(scope="module")
def shared(upstream, tmp_path_factory):
    """A gateway for the tests of one file that change nothing about it: `app.test` and `localhost`."""
    local = {"domain": "localhost", "target_group_id": 1, "https_redirect": False}
    calls = host(upstream.address) + [("hosts.create", local)]
    argos = Argos(tmp_path_factory.mktemp("argos"), calls)
    yield argos
    assert argos.stop() == 0, argos.log


@pytest.fixture
def start(tmp_path_factory):
    """Starts gateways that end with the test."""
    started = []

    def start(*words, **named) -> Argos:
        # A short path: that of a socket has at most 107 bytes.
        started.append(Argos(tmp_path_factory.mktemp("argos"), *words, **named))
        return started[-1]

    yield start
    for argos in started:
        argos.stop()


@pytest.fixture
def own(start, upstream):
    """A gateway of the test's own before the file's upstream."""
    return start(host(upstream.address))
