"""How connections come in: sockets that a service manager passes on, the PROXY protocol, shares of an address."""

import fcntl
import json
import os
import socket
import ssl
import struct
import sys

import pytest

import http3
from gateway import Argos, environment, host
from http2 import Client, dial
from upstreams import exactly


def ask(connection, path="/echo") -> bytes:
    """An answer over HTTP/1.1, or what came before the end."""
    try:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n".encode())
        received = b""
        while piece := connection.recv(65536):
            received += piece
        return received
    except ConnectionError:
        return b""


def seen(answer: bytes) -> dict[str, str]:
    """The fields that the upstream saw."""
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    return dict(json.loads(answer.split(b"\r\n\r\n", 1)[1])["headers"])


# As systemd does it: sockets from number 3 on, and the process they are meant for. Source: sd_listen_fds(3).
ACTIVATED = """
import os, sys
for at, fd in enumerate(map(int, sys.argv[1].split(",")), 3):
    os.dup2(fd, at, inheritable=True)
os.environ["LISTEN_FDS"], os.environ["LISTEN_PID"] = str(len(sys.argv[1].split(","))), str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.fixture
def passed():
    """Sockets, and numbers of them that are far from those that they will have."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
    moved = [fcntl.fcntl(s.fileno(), fcntl.F_DUPFD, 100) for s in sockets]
    yield sockets, moved
    for s in sockets:
        s.close()
    for fd in moved:
        os.close(fd)


def test_socket_activation(start, upstream, passed):
    sockets, moved = passed
    http, https, panel, stray = (f"127.0.0.1:{s.getsockname()[1]}" for s in sockets)
    # A connection that comes before the process runs is served, too.
    early = dial(sockets[0].getsockname())
    prefix = [sys.executable, "-c", ACTIVATED, ",".join(map(str, moved))]
    argos = start(host(upstream.address), http=http, https=https, more=["--panel", panel], prefix=prefix,
                  pass_fds=moved)
    assert argos.http == sockets[0].getsockname() and argos.https == sockets[1].getsockname()
    assert seen(ask(early))["x-forwarded-proto"] == "http"
    for _ in range(20):
        assert ask(dial(argos.http)).startswith(b"HTTP/1.1 200 ")
        with Client(argos.https, argos.tls("h2")) as client:
            assert client.ask("/echo").status == 200
    connection = dial(sockets[2].getsockname())
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    assert exactly(connection.recv, 12) == b"HTTP/1.1 200"
    # One that nobody asked for is named.
    argos.log.wait(rf"WARN .*{stray}")
    assert argos.stop() == 0


def test_sockets_of_another_process_are_left_alone(start, upstream):
    env = environment() | {"LISTEN_FDS": "3", "LISTEN_PID": "1"}
    argos = start(host(upstream.address), env=env)
    assert ask(dial(argos.http)).startswith(b"HTTP/1.1 200 ")


def version2(family: int, addresses: bytes, command=1) -> bytes:
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x20 | command, family]) + struct.pack("!H", len(addresses)) + addresses


HEADERS = {
    "version 1, IPv4": (b"PROXY TCP4 203.0.113.7 198.51.100.1 5000 443\r\n", "203.0.113.7"),
    "version 1, IPv6": (b"PROXY TCP6 2001:db8::9 2001:db8::1 5000 443\r\n", "2001:db8::9"),
    "version 1, of nobody": (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    "version 2, IPv4": (version2(0x11, bytes([203, 0, 113, 7, 198, 51, 100, 1]) + struct.pack("!HH", 5000, 443)),
                        "203.0.113.7"),
    "version 2, IPv6": (version2(0x21, socket.inet_pton(socket.AF_INET6, "2001:db8::9")
                                 + socket.inet_pton(socket.AF_INET6, "2001:db8::1") + struct.pack("!HH", 5000, 443)),
                        "2001:db8::9"),
    "version 2, of the proxy itself": (version2(0, b"", 0), "127.0.0.1"),
}


@pytest.fixture(scope="module")
def announced(upstream, tmp_path_factory):
    end = "127.0.0.1:0?proxy=v1v2"
    argos = Argos(tmp_path_factory.mktemp("argos"), host(upstream.address), http=end, https=end)
    yield argos
    assert argos.stop() == 0


@pytest.mark.parametrize("name", HEADERS)
def test_proxy_protocol(announced, name):
    header, client = HEADERS[name]
    plain = dial(announced.http)
    plain.sendall(header)
    assert seen(ask(plain))["x-forwarded-for"] == client
    for protocol in ("http/1.1", "h2"):
        connection = dial(announced.https)
        connection.sendall(header)
        connection = announced.tls(protocol).wrap_socket(connection, server_hostname="app.test")
        if protocol == "h2":
            answer = Client.on(connection, "https").ask("/echo")
            fields = dict(json.loads(answer.body)["headers"])
        else:
            fields = seen(ask(connection))
        assert fields["x-forwarded-for"] == client
        connection.close()


@pytest.mark.parametrize(
    "header", [b"", b"PROXY TCP4 nonsense\r\n", b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\0", b"GET / HTTP/1.1\r\n"]
)
def test_no_proxy_header(announced, header):
    plain = dial(announced.http)
    plain.sendall(header)
    assert ask(plain) == b""
    with pytest.raises((ssl.SSLError, ConnectionError)):
        connection = dial(announced.https)
        connection.sendall(header)
        announced.tls().wrap_socket(connection, server_hostname="app.test")


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_both_families(start, upstream):
    argos = start(host(upstream.address), http="[::]:0", https="[::]:0")
    for address, client in (("127.0.0.1", "127.0.0.1"), ("::1", "::1")):
        assert seen(ask(dial((address, argos.http[1]))))["x-forwarded-for"] == client
        end = (address, argos.https[1])
        for talk in (Client(end, argos.tls("h2")), http3.Client(end, argos.ca)):
            assert dict(json.loads(talk.ask("/echo").body)["headers"])["x-forwarded-for"] == client
            talk.close()


def test_protocols_that_nobody_speaks_are_refused_with_a_word(shared):
    """Source: RFC 7301 §3.2."""
    offers = [(["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1"), (["http/1.0"], "http/1.0"), ([], None)]
    for protocols, chosen in offers:
        connection = dial(shared.https, shared.tls(*protocols))
        assert connection.selected_alpn_protocol() == chosen
        connection.close()
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = shared.tls("spdy/1")
        context.minimum_version = context.maximum_version = version
        with pytest.raises(ssl.SSLError) as refused:
            dial(shared.https, context)
        assert "no application protocol" in str(refused.value)


def test_shares(start, upstream):
    """So many connections of one address, and of all."""
    argos = start(host(upstream.address))
    argos.set(max_connections_per_ip=2)

    def opened():
        connection = dial(argos.http)
        try:
            connection.sendall(b"GET /echo HTTP/1.1\r\nHost: app.test\r\n\r\n")
            return connection, connection.recv(12) == b"HTTP/1.1 200"
        except ConnectionError:
            return connection, False

    first, second, third = opened(), opened(), opened()
    assert (first[1], second[1], third[1]) == (True, True, False)
    second[0].close()
    # The end is seen when it is seen.
    while not (again := opened())[1]:
        again[0].close()
    for connection in (first, third, again):
        connection[0].close()
    assert "the address has too many connections" in json.dumps(argos.rows("error"))
