"""The client speaks TLS to real servers: whom it trusts, what it shows of itself, and the token."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
import pytest

from edge.link.client import CloudClient
from edge.testing.scripted_cloud import Context, Script, says, serving
from protos import inference_pb2 as pb
from protos.connection.peer import Credentials, Peer
from protos.errors import CloudError, RequestError, UnusableCloud
from tests.certificates import Authority, openssl_only

QUESTION = pb.InferRequest(id="1", question="what is it?")
pytestmark = openssl_only


@pytest.fixture(scope="module")
def server(authority: Authority) -> grpc.ServerCredentials:
    return authority.server(authority.sign("server"))


def ask(address: str, credentials: Credentials) -> list[str]:
    with CloudClient(Peer.parse(address, credentials)) as client:
        return [reply.text for reply in client.infer(QUESTION, 10)]


def in_the_clear(address: str) -> str:
    return address.removeprefix("https://")


def test_a_cloud_that_the_authority_signed_answers(
    authority: Authority, server: grpc.ServerCredentials
) -> None:
    with serving(says("a cat"), credentials=server) as cloud:
        assert ask(cloud.address, Credentials(ca=authority.ca.path)) == ["a cat", ""]
        assert ask(cloud.address.replace("localhost", "127.0.0.1"), Credentials(ca=authority.ca.path))


@pytest.mark.parametrize("trusted", ["stranger", "public authorities"])
def test_one_that_somebody_else_signed_does_not(
    trusted: str, stranger: Authority, server: grpc.ServerCredentials
) -> None:
    credentials = Credentials(ca=stranger.ca.path if trusted == "stranger" else None)
    with (
        serving(says("a cat"), credentials=server) as cloud,
        pytest.raises(
            UnusableCloud, match=f"{cloud.address} cannot be used: .*nobody whom this device trusts.*--ca"
        ),
    ):
        ask(cloud.address, credentials)
    assert not cloud.requests


@pytest.mark.parametrize(
    ("names", "days", "told"),
    [
        ("DNS:elsewhere.example", 2, "certificate is another host's"),
        ("DNS:localhost", 0, "certificate has expired"),
    ],
)
def test_a_certificate_that_does_not_fit_is_told(
    names: str, days: int, told: str, authority: Authority
) -> None:
    unfit = authority.server(authority.sign(f"unfit-{days}", names, days))
    with serving(says("a cat"), credentials=unfit) as cloud, pytest.raises(UnusableCloud, match=told):
        ask(cloud.address, Credentials(ca=authority.ca.path))


def test_a_cloud_that_wants_a_certificate_gets_it(authority: Authority) -> None:
    device = authority.sign("device")
    credentials = Credentials(authority.ca.path, device.path, device.key)
    with serving(
        says("a cat"), credentials=authority.server(authority.sign("server"), clients=True)
    ) as cloud:
        assert ask(cloud.address, credentials) == ["a cat", ""]
        with pytest.raises(CloudError, match="--client-cert and --client-key"):
            ask(cloud.address, Credentials(ca=authority.ca.path))


def test_tls_to_a_cloud_without_is_told() -> None:
    with (
        serving(says("a cat")) as cloud,
        pytest.raises(UnusableCloud, match=r"it speaks no TLS.*without https"),
    ):
        ask(f"https://{cloud.address}", Credentials())


def test_no_tls_to_a_cloud_with_it_is_told(server: grpc.ServerCredentials) -> None:
    with (
        serving(says("a cat"), credentials=server) as cloud,
        pytest.raises(CloudError, match="write https://"),
    ):
        ask(in_the_clear(cloud.address), Credentials())


def wants(token: str) -> Script:
    """Answers whoever brings a token."""

    def script(request: pb.InferRequest, context: Context) -> Iterator[pb.InferReply]:
        if ("authorization", f"Bearer {token}") not in context.invocation_metadata():
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "no token that is known")
        yield from says("a cat")(request, context)

    return script


@pytest.fixture
def token(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text("sesame\n")
    file.chmod(0o600)
    return file


@pytest.mark.parametrize("tls", [True, False])
def test_every_call_brings_the_token_as_it_is_then(
    tls: bool, token: Path, authority: Authority, server: grpc.ServerCredentials
) -> None:
    credentials = Credentials(ca=authority.ca.path if tls else None, token_file=token)
    with (
        serving(wants("sesame"), credentials=server if tls else None) as cloud,
        CloudClient(Peer.parse(cloud.address, credentials)) as client,
    ):
        assert [reply.text for reply in client.infer(QUESTION, 10)] == ["a cat", ""]
        assert [reply.text for reply in client.converse(iter([QUESTION]), 10)] == ["a cat", ""]
        cloud.script = wants("rotated")
        with pytest.raises(UnusableCloud, match="refuses the token in") as caught:
            list(client.infer(QUESTION, 10))
        assert "sesame" not in f"{caught.value} {caught.value.facts} {client.peer!r}"
        token.write_text("rotated")
        assert [reply.text for reply in client.infer(QUESTION, 10)] == ["a cat", ""]


def test_a_token_that_is_gone_is_said_and_nothing_is_sent(token: Path) -> None:
    with (
        serving(says("a cat")) as cloud,
        CloudClient(Peer.parse(cloud.address, Credentials(token_file=token))) as client,
    ):
        token.unlink()
        with pytest.raises(RequestError, match="token cannot be read"):
            list(client.infer(QUESTION, 10))
        with pytest.raises(RequestError, match="token cannot be read"):
            client.describe(10)
    assert not cloud.requests


@contextmanager
def web_server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Silent) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_a_web_server_is_no_cloud() -> None:
    with web_server() as address, pytest.raises(UnusableCloud, match="speaks no gRPC"):
        ask(address, Credentials())


def test_a_stranger_is_called_when_somebody_asks_and_not_in_between() -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        stranger.settimeout(2)  # many times what gRPC would wait before it calls again
        with CloudClient(f"127.0.0.1:{stranger.getsockname()[1]}") as client:
            for _ in range(2):
                answering = threading.Thread(target=answer_as_sshd, args=(stranger,))
                answering.start()
                with pytest.raises(UnusableCloud, match="speaks no gRPC"):
                    client.describe(10)
                answering.join()
                with pytest.raises(TimeoutError):
                    stranger.accept()


def answer_as_sshd(listening: socket.socket) -> None:
    caller, _ = listening.accept()
    with caller:
        caller.sendall(b"SSH-2.0-sshd\r\n")
        while caller.recv(1000):
            pass
