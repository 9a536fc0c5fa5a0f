"""The service's own TLS over a real gRPC server: whom it shows itself to be, and whom it lets in."""

import asyncio
from pathlib import Path

import grpc
import pytest

from cloud.config import AccessConfig
from cloud.identity.tls import ServerFiles, server_credentials
from edge.agent.config.reading import read_settings
from edge.link.client import CloudClient
from protos import inference_pb2 as ip
from protos.connection.peer import Credentials, Peer
from protos.errors import CloudError, RequestError
from protos.inference_pb2_grpc import InferenceStub
from tests.certificates import Authority, Certificate, openssl_only
from tests.cloud.guarded import guarded

Status = grpc.StatusCode
pytestmark = openssl_only


@pytest.fixture
def served(authority: Authority, tmp_path: Path) -> Certificate:
    """The service's files, which a test may replace."""
    return copied(authority.sign("server"), Certificate(tmp_path / "cert.pem", tmp_path / "key.pem"))


def copied(source: Certificate, target: Certificate) -> Certificate:
    for old, new in ((source.path, target.path), (source.key, target.key)):
        new.write_bytes(old.read_bytes())
    return target


def trusting(authority: Authority, shown: Certificate | None = None) -> grpc.ChannelCredentials:
    pair = (shown.key.read_bytes(), shown.path.read_bytes()) if shown else (None, None)
    return grpc.ssl_channel_credentials(authority.ca.path.read_bytes(), *pair)


async def test_a_certificate_is_replaced_while_a_device_is_connected(
    authority: Authority, stranger: Authority, served: Certificate
) -> None:
    async with guarded(AccessConfig(served.path, served.key)) as service:
        before = service.channel(trusting(authority))
        stream = InferenceStub(before).Converse()
        await stream.write(ip.InferRequest(id="1"))
        assert (await stream.read()).id == "1"
        copied(stranger.sign("server"), served)
        assert await service.who(channel=service.channel(trusting(stranger)))
        assert (await service.refusal(channel=service.channel(trusting(authority))))[0] == Status.UNAVAILABLE
        await stream.write(ip.InferRequest(id="2"))
        assert (await stream.read()).id == "2"
        assert await service.who(channel=before)


async def test_half_a_replacement_changes_nothing(
    authority: Authority, stranger: Authority, served: Certificate, caplog: pytest.LogCaptureFixture
) -> None:
    new = stranger.sign("server")
    async with guarded(AccessConfig(served.path, served.key)) as service:
        served.path.write_bytes(new.path.read_bytes())
        assert await service.who(channel=service.channel(trusting(authority)))
        assert "are no certificate and key that match" in caplog.text
        served.key.write_bytes(new.key.read_bytes())
        assert await service.who(channel=service.channel(trusting(stranger)))


@pytest.mark.parametrize(
    ("names", "known_as"),
    [
        ("DNS:elsewhere.example,URI:spiffe://acme.example/camera/7", "spiffe://acme.example/camera/7"),
        ("DNS:camera-7.acme.example", "camera-7.acme.example"),
        ("IP:10.0.0.7", "device"),
    ],
)
async def test_a_device_is_who_its_certificate_names(
    names: str, known_as: str, authority: Authority, served: Certificate
) -> None:
    access = AccessConfig(served.path, served.key, client_ca=authority.ca.path)
    shown = authority.sign("device", names)
    async with guarded(access) as service:
        assert await service.who(channel=service.channel(trusting(authority, shown))) == f"default/{known_as}"


@pytest.mark.parametrize("given", ["options", "agent.toml"])
async def test_the_device_shows_its_certificate(
    given: str, authority: Authority, served: Certificate, tmp_path: Path
) -> None:
    shown = authority.sign("device", "DNS:camera-7")
    access = AccessConfig(served.path, served.key, client_ca=authority.ca.path)
    async with guarded(access) as service:
        address = f"https://{service.address}"
        (tmp_path / "agent.toml").write_text(
            f'[[cloud]]\naddress = "{address}"\nca = "{authority.ca.path}"\n'
            f'client-cert = "{shown.path}"\nclient-key = "{shown.key}"\n'
        )
        credentials = Credentials(authority.ca.path, shown.path, shown.key)
        (of_agent,) = (cloud.peer() for cloud in read_settings(tmp_path / "agent.toml").clouds)
        peer = of_agent if given == "agent.toml" else Peer.parse(address, credentials)
        with CloudClient(peer) as client:
            assert (await asyncio.to_thread(client.describe, 20)).device == "default/camera-7"
        with (
            CloudClient(Peer.parse(address, Credentials(authority.ca.path))) as client,
            pytest.raises(CloudError, match="--client-cert and --client-key"),
        ):
            await asyncio.to_thread(client.describe, 20)


async def test_nobody_is_let_in_without_a_certificate_that_the_authority_signed(
    authority: Authority, stranger: Authority, served: Certificate
) -> None:
    access = AccessConfig(served.path, served.key, client_ca=authority.ca.path)
    expired = authority.sign("expired", "DNS:camera-7", days=0)
    async with guarded(access) as service:
        for shown in (None, stranger.sign("device"), expired):
            refused = await service.refusal(channel=service.channel(trusting(authority, shown)))
            assert refused[0] == Status.UNAVAILABLE


async def test_an_authority_is_replaced_too(
    authority: Authority, stranger: Authority, served: Certificate, tmp_path: Path
) -> None:
    trusted = tmp_path / "authority.pem"
    trusted.write_bytes(authority.ca.path.read_bytes())
    async with guarded(AccessConfig(served.path, served.key, client_ca=trusted)) as service:
        theirs = trusting(authority, stranger.sign("device", "DNS:camera-8"))
        assert (await service.refusal(channel=service.channel(theirs)))[0] == Status.UNAVAILABLE
        trusted.write_bytes(stranger.ca.path.read_bytes())
        assert await service.who(channel=service.channel(theirs)) == "default/camera-8"


def test_files_that_are_none_are_told(authority: Authority, stranger: Authority, tmp_path: Path) -> None:
    good, other, absent = authority.sign("good"), stranger.sign("other"), tmp_path / "absent"
    empty = tmp_path / "empty"
    empty.write_text("")
    for files, told in (
        (ServerFiles(absent, good.key, None), "--tls-cert .* cannot be read"),
        (ServerFiles(good.path, absent, None), "--tls-key .* cannot be read"),
        (ServerFiles(good.path, other.key, None), "no certificate and key that match"),
        (ServerFiles(empty, good.key, None), "no certificate and key that match"),
        (ServerFiles(good.path, good.key, absent), "--client-ca .* cannot be read"),
        (ServerFiles(good.path, good.key, empty), "--client-ca .* holds no certificate"),
        (ServerFiles(good.path, good.key, good.key), "--client-ca .* holds no certificate"),
    ):
        with pytest.raises(RequestError, match=told):
            server_credentials(files)
