"""Devices that are known, and the real service: what each finds again, and how each gets in."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from PIL import Image

import isthmus
from bench.rig.watched_process import WatchedProcess
from cloud.config import AccessConfig
from cloud.models.tail import Tail
from edge.agent.config.reading import read_settings
from edge.link.client import CloudClient
from protos import inference_pb2 as ip
from protos.bundle import Bundle
from protos.connection.peer import Credentials, Peer
from protos.errors import UnusableCloud
from protos.inference_pb2_grpc import InferenceStub
from splitter.nano.scenes import picture
from tests.certificates import Authority, openssl_only
from tests.cloud.calling import Answered, Caller, Pixels, calling, connected, picture_request
from tests.cloud.guarded import bearing
from tests.cloud.identity.provider import AUDIENCE, ISSUER, Signer, key_file

QUESTION = "what is the background?"


class Device:
    """Asks over a new connection each time, as one that was restarted: with another secret too."""

    def __init__(self, caller: Caller, token: str) -> None:
        self._caller, self._token, self._starts = caller, token, 0

    async def ask(self, request: ip.InferRequest) -> Answered:
        self._starts += 1
        request.client_secret = bytes([self._starts]) * 16
        async with connected(self._caller.service.address) as channel:
            return await Caller(self._caller.service, channel, Bearing(channel, self._token)).ask(request)


class Bearing:
    """A stub whose calls bring a token."""

    def __init__(self, channel: grpc.aio.Channel, token: str) -> None:
        self._stub, self._metadata = InferenceStub(channel), bearing(token)

    def Infer(self, request: ip.InferRequest, timeout: float) -> Any:  # noqa: N802 - gRPC's name
        return self._stub.Infer(request, timeout=timeout, metadata=self._metadata)


async def test_a_device_finds_what_it_sent_and_nobody_else_does(
    tail: Tail, scenes: list[Pixels], tmp_path: Path
) -> None:
    signer = Signer("key")
    keys = str(key_file(tmp_path / "keys.json", signer))
    key = bytes(16)
    access = AccessConfig(jwks=keys, audience=AUDIENCE, issuer=ISSUER)
    async with calling(tail, access=access) as caller:
        mine, neighbour, stranger = (
            Device(caller, signer.token(sub=name, tenant=tenant))
            for tenant, name in (("acme", "camera-7"), ("acme", "camera-8"), ("other", "camera-7"))
        )
        first = await mine.ask(picture_request(tail.bundle, scenes[0], QUESTION, idempotency_key=key))
        retried = await mine.ask(picture_request(tail.bundle, scenes[0], QUESTION, idempotency_key=key))
        assert retried.done.stages == first.done.stages  # nothing was run
        cached = ip.InferRequest(bundle=tail.bundle.id, question=QUESTION, cached_frame=first.done.frame)
        assert (await mine.ask(cached)).text == first.text
        for other in (neighbour, stranger):
            own = await other.ask(picture_request(tail.bundle, scenes[1], QUESTION, idempotency_key=key))
            assert own.done.frame != first.done.frame
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await other.ask(cached)
            assert refused.value.code() == grpc.StatusCode.NOT_FOUND


@dataclass(frozen=True)
class Served:
    """`isthmus cloud serve` as a process: its address, who signs, and what a device shows."""

    address: str
    authority: Authority
    credentials: Credentials

    @property
    def options(self) -> list[str]:
        given = vars(self.credentials).items()
        return [word for name, file in given if file for word in (f"--{name.replace('_', '-')}", str(file))]


@pytest.fixture(scope="module")
def served(
    bundle_path: Path, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    folder, own = tmp_path_factory.mktemp("served"), authority.sign("cloud")
    token = folder / "token"
    token.touch(0o600)
    token.write_text(made_token(folder / "tokens"))
    tls = ("--tls-cert", own.path, "--tls-key", own.key)
    serve = ("cloud", "serve", "--bundle", bundle_path, "--listen", "0.0.0.0:0", "--threads", "1", *tls)
    with WatchedProcess("the cloud", (*serve, "--tokens", folder / "tokens"), "listening on ") as process:
        address = process.address.replace("0.0.0.0", "localhost")
        yield Served(address, authority, Credentials(authority.ca.path, token_file=token))


def made_token(tokens: Path) -> str:
    """As `isthmus cloud token` prints it."""
    with pytest.MonkeyPatch.context() as patch:
        printed: list[str] = []
        patch.setattr("builtins.print", lambda text, **_: printed.append(text))
        assert isthmus.main(["cloud", "token", "camera-7", "--tokens", str(tokens)]) == 0
    (token,) = printed
    return token


@openssl_only
def test_the_commands_of_a_device_get_in(
    served: Served, bundle: Bundle, bundle_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert served.address.startswith("https://")
    assert isthmus.main(["cloud", "status", served.address, *served.options, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bundles"][0]["digest"] == bundle.digest
    scene = tmp_path / "scene.png"
    Image.fromarray(picture(77).image).save(scene)
    asking = ["ask", str(scene), QUESTION, "--bundle", str(bundle_path), "--cloud", served.address]
    assert isthmus.main([*asking, *served.options, "--route", "upload", "--no-local", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["route"].startswith("upload")


@openssl_only
def test_an_agent_gets_in_to_each_of_its_clouds(served: Served, bundle: Bundle, tmp_path: Path) -> None:
    fields = "".join(
        f'{name.replace("_", "-")} = "{file}"\n' for name, file in vars(served.credentials).items() if file
    )
    clouds = "".join(
        f'[[cloud]]\nname = "{name}"\naddress = "{served.address}"\n{fields}' for name in ("one", "two")
    )
    (tmp_path / "agent.toml").write_text(f'bundle = "{bundle.path}"\n{clouds}')
    for cloud in read_settings(tmp_path / "agent.toml").clouds:
        with CloudClient(cloud.peer()) as client:
            assert client.describe(20).bundles[0].digest == bundle.digest


@openssl_only
def test_who_shows_nothing_or_trusts_another_authority_does_not(
    served: Served, tmp_path_factory: pytest.TempPathFactory
) -> None:
    ca = served.authority.ca.path
    with (
        CloudClient(Peer.parse(served.address, Credentials(ca))) as client,
        pytest.raises(UnusableCloud, match="--token-file"),
    ):
        client.describe(20)
    stranger = Authority(tmp_path_factory.mktemp("stranger"), "stranger").ca.path
    with (
        CloudClient(Peer.parse(served.address, Credentials(stranger))) as client,
        pytest.raises(UnusableCloud, match="nobody whom this device trusts"),
    ):
        client.describe(20)
