"""gRPC from its own client to its own server, both of grpcio, through Argos."""

import datetime
import threading
from concurrent import futures

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway import PATIENCE, Argos, host

SERVICE = "argos.test.Echo"


class Echo(grpc.GenericRpcHandler):
    """Messages are bytes as they are."""

    def __init__(self) -> None:
        self.cancelled = threading.Event()

    def service(self, details):
        kind, method = {
            "Unary": (grpc.unary_unary_rpc_method_handler, self.unary),
            "Count": (grpc.unary_stream_rpc_method_handler, self.count),
            "Sum": (grpc.stream_unary_rpc_method_handler, self.sum),
            "Talk": (grpc.stream_stream_rpc_method_handler, self.talk),
            "Fail": (grpc.unary_unary_rpc_method_handler, self.fail),
            "FailLate": (grpc.unary_stream_rpc_method_handler, self.fail_late),
            "Wait": (grpc.unary_unary_rpc_method_handler, self.wait),
        }.get(details.method.rsplit("/", 1)[1], (None, None))
        return kind(method) if kind else None

    def unary(self, request, context):
        seen = dict(context.invocation_metadata())
        context.send_initial_metadata([("x-first", seen.get("x-asked", ""))])
        context.set_trailing_metadata([("x-last", "7"), ("x-raw-bin", seen.get("x-raw-bin", b""))])
        return request

    def count(self, request, context):
        context.set_trailing_metadata([("x-count", request.decode())])
        for i in range(int(request)):
            yield str(i).encode()

    def sum(self, requests, context):
        return str(sum(len(request) for request in requests)).encode()

    def talk(self, requests, context):
        context.set_trailing_metadata([("x-said", "all")])
        for request in requests:
            yield request.upper()

    def fail(self, request, context):
        context.set_trailing_metadata([("x-why", "because")])
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not like this: ü 100%")

    def fail_late(self, request, context):
        yield b"first"
        context.abort(grpc.StatusCode.DATA_LOSS, "gone")

    def wait(self, request, context):
        context.add_callback(self.cancelled.set)
        assert self.cancelled.wait(PATIENCE)
        return b""


@pytest.fixture(scope="module")
def echo():
    return Echo()


@pytest.fixture(scope="module")
def certificate():
    """A certificate of the upstream's own, which names 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "upstream")])
    now = datetime.datetime.now(datetime.timezone.utc)
    built = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("grpc.internal")]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return built.public_bytes(pem), secret


@pytest.fixture(scope="module", params=["h2c upstream", "TLS upstream"])
def behind(request, echo, certificate, tmp_path_factory):
    """A gateway before the server."""
    server = grpc.server(futures.ThreadPoolExecutor(8), handlers=[echo])
    if request.param == "h2c upstream":
        port = server.add_insecure_port("127.0.0.1:0")
        group = {"http_version": "2"}
    else:
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([certificate[::-1]]))
        group = {"protocol": "https", "tls_server_name": "grpc.internal", "ca_bundle_pem": certificate[0].decode()}
    server.start()
    argos = Argos(tmp_path_factory.mktemp("argos"), host(("127.0.0.1", port), group=group))
    yield argos
    assert argos.stop() == 0
    server.stop(None).wait(PATIENCE)


@pytest.fixture(scope="module", params=["TLS", "h2c"])
def channel(request, behind):
    """A channel to Argos."""
    options = [("grpc.default_authority", "app.test"), ("grpc.enable_http_proxy", 0)]
    if request.param == "TLS":
        options.append(("grpc.ssl_target_name_override", "app.test"))
        trust = grpc.ssl_channel_credentials(behind.ca.read_bytes())
        channel = grpc.secure_channel(f"127.0.0.1:{behind.https[1]}", trust, options)
    else:
        channel = grpc.insecure_channel(f"127.0.0.1:{behind.http[1]}", options)
    with channel:
        yield channel


def test_unary(channel):
    call = channel.unary_unary(f"/{SERVICE}/Unary")
    sent = [("x-asked", "yes"), ("x-raw-bin", bytes(range(256)))]
    answer, done = call.with_call(b"hello", metadata=sent, timeout=PATIENCE)
    assert answer == b"hello"
    assert dict(done.initial_metadata())["x-first"] == "yes"
    last = dict(done.trailing_metadata())
    assert (last["x-last"], last["x-raw-bin"]) == ("7", bytes(range(256)))
    assert done.code() == grpc.StatusCode.OK
    large = bytes(3_000_000)
    assert call(large, timeout=PATIENCE) == large
    assert call(b"", timeout=PATIENCE) == b""


def test_many_at_once(channel):
    call = channel.unary_unary(f"/{SERVICE}/Unary")
    waiting = [call.future(str(i).encode(), timeout=PATIENCE) for i in range(100)]
    assert [done.result() for done in waiting] == [str(i).encode() for i in range(100)]


def test_server_streams(channel):
    call = channel.unary_stream(f"/{SERVICE}/Count")(b"200", timeout=PATIENCE)
    assert list(call) == [str(i).encode() for i in range(200)]
    assert dict(call.trailing_metadata())["x-count"] == "200"
    assert call.code() == grpc.StatusCode.OK


def test_client_streams(channel):
    call = channel.stream_unary(f"/{SERVICE}/Sum")
    assert call(iter([bytes(50_000)] * 20), timeout=PATIENCE) == b"1000000"
    assert call(iter([]), timeout=PATIENCE) == b"0"


def test_both_stream(channel):
    """Each message is answered before the next is sent: nothing is held back on either way."""
    heard = threading.Semaphore(0)

    def messages():
        for word in (b"one", b"two", b"three"):
            yield word
            assert heard.acquire(timeout=PATIENCE)

    call = channel.stream_stream(f"/{SERVICE}/Talk")(messages(), timeout=PATIENCE)
    found = []
    for message in call:
        found.append(message)
        heard.release()
    assert found == [b"ONE", b"TWO", b"THREE"]
    assert dict(call.trailing_metadata())["x-said"] == "all"
    assert call.code() == grpc.StatusCode.OK


def test_statuses(channel):
    with pytest.raises(grpc.RpcError) as failed:
        channel.unary_unary(f"/{SERVICE}/Fail")(b"", timeout=PATIENCE)
    assert failed.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert failed.value.details() == "not like this: ü 100%"
    assert dict(failed.value.trailing_metadata())["x-why"] == "because"
    call = channel.unary_stream(f"/{SERVICE}/FailLate")(b"", timeout=PATIENCE)
    assert next(call) == b"first"
    with pytest.raises(grpc.RpcError) as failed:
        next(call)
    assert (failed.value.code(), failed.value.details()) == (grpc.StatusCode.DATA_LOSS, "gone")
    with pytest.raises(grpc.RpcError) as failed:
        channel.unary_unary(f"/{SERVICE}/None")(b"", timeout=PATIENCE)
    assert failed.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_the_client_gives_up(channel, echo):
    echo.cancelled.clear()
    call = channel.unary_unary(f"/{SERVICE}/Wait").future(b"", timeout=PATIENCE)
    # Once it waits at the server, it ends there too.
    channel.unary_unary(f"/{SERVICE}/Unary")(b"", timeout=PATIENCE)
    call.cancel()
    assert echo.cancelled.wait(PATIENCE)


def test_a_deadline_ends_at_the_server_too(channel, echo):
    echo.cancelled.clear()
    with pytest.raises(grpc.RpcError) as failed:
        channel.unary_unary(f"/{SERVICE}/Wait")(b"", timeout=0.3)
    assert failed.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert echo.cancelled.wait(PATIENCE)


def test_statuses_of_argos(start, upstream):
    """What Argos itself answers is a gRPC status, too. Source: gRPC's mapping of HTTP statuses."""
    blocked = {"action": {"type": "block", "config": {"status": 403}}, "host_id": 1,
               "matchers": [{"type": "path", "config": {"patterns": ["/blocked/*"]}}]}
    argos = start(host(("127.0.0.1", 9)) + [("rules.create", blocked)])
    options = [("grpc.default_authority", "app.test"), ("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(f"127.0.0.1:{argos.http[1]}", options) as channel:
        down, blocked = grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.PERMISSION_DENIED
        for path, code in (("/down/Call", down), ("/blocked/Call", blocked)):
            with pytest.raises(grpc.RpcError) as failed:
                channel.unary_unary(path)(b"", timeout=PATIENCE)
            assert failed.value.code() == code, failed.value
