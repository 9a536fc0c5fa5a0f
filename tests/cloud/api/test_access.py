"""Who is let in, by whom the service takes them for, and when their calls end."""

import asyncio
import contextlib
import hashlib
import logging
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from cloud.api import access as access_module
from cloud.config import AccessConfig, RateLimits
from cloud.identity.web_tokens import LEEWAY
from cloud.telemetry.log_limit import LogLimit
from edge.link.client import CloudClient
from protos import inference_pb2 as ip
from protos.connection.peer import Credentials, Peer
from protos.errors import CloudError
from protos.inference_pb2_grpc import InferenceStub
from tests.cloud.guarded import Guarded, bearing, guarded
from tests.cloud.identity.provider import AUDIENCE, ISSUER, Signer, key_file

Status = grpc.StatusCode


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    """Of camera-7 and a person who operates: their names are their tokens."""
    return listed(tmp_path / "tokens", "camera-7 acme device", "anna acme operator")


def listed(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{hashed(line.split()[0])} {line}\n" for line in lines))
    return path


def hashed(token: str) -> str:
    return f"sha256:{hashlib.sha256(token.encode()).hexdigest()}"


@pytest.fixture
async def service(tokens: Path) -> AsyncIterator[Guarded]:
    async with guarded(AccessConfig(tokens=tokens)) as served:
        yield served


async def test_whoever_brings_a_token_is_who_it_names(service: Guarded) -> None:
    assert await service.who("camera-7") == "acme/camera-7"
    assert await service.who("anna") == "acme/anna"


@pytest.mark.parametrize("token", [None, "sesame", "", "camera-7 anna", "a" * 7000, "x.y.z"])
async def test_nobody_else_comes_in_and_the_token_is_not_repeated(token: str, service: Guarded) -> None:
    status, words = await service.refusal(token)
    assert status == Status.UNAUTHENTICATED
    assert "--token-file" in words
    assert not token or token not in words


async def test_two_tokens_are_none(service: Guarded) -> None:
    stub = InferenceStub(service.channel())
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.Describe(ip.DescribeRequest(), metadata=[*bearing("anna"), *bearing("camera-7")])
    assert refused.value.code() == Status.UNAUTHENTICATED


async def test_health_is_open_and_reflection_is_for_operators(service: Guarded) -> None:
    channel = service.channel()
    check = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    assert (await check).status == health_pb2.HealthCheckResponse.SERVING
    assert (await reflected(channel, None))[0] == Status.UNAUTHENTICATED
    status, words = await reflected(channel, "camera-7")
    assert status == Status.PERMISSION_DENIED
    assert "needs the role operator, and the caller has device" in words
    assert (await reflected(channel, "anna"))[0] == Status.OK


async def reflected(channel: grpc.aio.Channel, token: str | None) -> tuple[grpc.StatusCode, str]:
    ask = reflection_pb2.ServerReflectionRequest(list_services="")
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    call = stub.ServerReflectionInfo(iter([ask]), metadata=bearing(token), timeout=20)
    with contextlib.suppress(grpc.aio.AioRpcError):
        assert [reply async for reply in call]
    return await call.code(), await call.details() or ""


async def test_a_line_that_is_taken_out_ends_what_its_token_opened(
    service: Guarded, tokens: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_module, "REVIEW_SECONDS", 0.01)
    stub = InferenceStub(service.channel())
    streams = {name: stub.Converse(metadata=bearing(name)) for name in ("camera-7", "anna")}
    for stream in streams.values():
        await stream.write(ip.InferRequest(id="1"))
        assert (await stream.read()).id == "1"
    reviewing = asyncio.create_task(service.access.run())
    listed(tokens, "anna acme operator")
    async with asyncio.timeout(30):
        assert await streams["camera-7"].code() == Status.UNAUTHENTICATED
    await streams["anna"].write(ip.InferRequest(id="2"))
    assert (await streams["anna"].read()).id == "2"
    assert (await service.refusal("camera-7"))[0] == Status.UNAUTHENTICATED
    reviewing.cancel()


async def test_a_stream_ends_with_its_token_and_is_opened_again_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_module, "REVIEW_SECONDS", 0.01)
    signer = Signer("key")
    keys = str(key_file(tmp_path / "keys.json", signer))
    async with guarded(AccessConfig(jwks=keys, audience=AUDIENCE, issuer=ISSUER)) as service:
        reviewing = asyncio.create_task(service.access.run())
        stub, soon = InferenceStub(service.channel()), time.time() - LEEWAY + 4
        stream = stub.Converse(metadata=bearing(signer.token(exp=soon)))
        await stream.write(ip.InferRequest(id="1"))
        assert (await stream.read()).id == "1"
        async with asyncio.timeout(30):
            assert await stream.code() == Status.UNAUTHENTICATED
        assert "token has expired; put a new one" in await stream.details()
        again = stub.Converse(metadata=bearing(signer.token()))
        await again.write(ip.InferRequest(id="2"))
        assert (await again.read()).id == "2"
        reviewing.cancel()


async def test_a_key_that_is_withdrawn_ends_what_its_tokens_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_module, "REVIEW_SECONDS", 0.01)
    old, new = Signer("old"), Signer("new")
    keys = key_file(tmp_path / "keys.json", old, new)
    async with guarded(AccessConfig(jwks=str(keys), audience=AUDIENCE, issuer=ISSUER)) as service:
        reviewing = asyncio.create_task(service.access.run())
        stub = InferenceStub(service.channel())
        streams = [stub.Converse(metadata=bearing(signer.token())) for signer in (old, new)]
        for stream in streams:
            await stream.write(ip.InferRequest(id="1"))
            assert (await stream.read()).id == "1"
        key_file(keys, new)
        async with asyncio.timeout(30):
            assert await streams[0].code() == Status.UNAUTHENTICATED
        await streams[1].write(ip.InferRequest(id="2"))
        assert (await streams[1].read()).id == "2"
        reviewing.cancel()


async def test_others_have_their_turn_while_open_calls_are_looked_at(
    service: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_module, "REVIEW_SECONDS", 0.0)
    monkeypatch.setattr(access_module, "_SLICE_SECONDS", 0.0)
    looked, turns = list[object](), list[int]()
    check = service.access._check

    async def noting(*given: Any) -> None:
        looked.append(given)
        await check(*given)

    monkeypatch.setattr(service.access, "_check", noting)
    stub = InferenceStub(service.channel())
    streams = [stub.Converse(metadata=bearing("camera-7")) for _ in range(2)]
    for stream in streams:
        await stream.write(ip.InferRequest(id="1"))
        assert (await stream.read()).id == "1"
    reviewing = asyncio.create_task(service.access.run())
    async with asyncio.timeout(30):
        while len(looked) < 9:
            await asyncio.sleep(0)
            turns.append(len(looked))
    reviewing.cancel()
    assert set(range(1, 9)) <= set(turns), "one call is looked at in a turn"


async def test_a_device_goes_on_once_its_token_is_replaced(tmp_path: Path) -> None:
    signer, token = Signer("key"), tmp_path / "token"
    keys = str(key_file(tmp_path / "keys.json", signer))
    token.touch(0o600)
    token.write_text(signer.token(exp=time.time() - 60))
    async with guarded(AccessConfig(jwks=keys, audience=AUDIENCE, issuer=ISSUER)) as service:
        with CloudClient(Peer.parse(service.address, Credentials(token_file=token))) as client:
            with pytest.raises(CloudError, match=f"the token in {token} has expired; put a new one there"):
                await asyncio.to_thread(client.describe, 20)
            token.write_text(signer.token())
            assert (await asyncio.to_thread(client.describe, 20)).device == "default/camera-7"


async def test_a_thousand_bad_tokens_are_few_lines_and_hold_nobody_else_back(
    service: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    logger, limit = logging.getLogger("cloud.api.call"), LogLimit(seconds=3600)
    logger.addFilter(limit)
    channels, honest = [service.channel() for _ in range(10)], service.channel()
    bad = [
        asyncio.create_task(service.refusal(secrets.token_hex(), channel))
        for channel in channels
        for _ in range(100)
    ]
    assert await service.who("camera-7", honest) == "acme/camera-7"
    assert {status for status, _ in await asyncio.gather(*bad)} == {Status.UNAUTHENTICATED}
    logger.removeFilter(limit)
    assert len(caplog.records) == 20
    assert all("Unauthenticated" in record.getMessage() for record in caplog.records)


async def test_who_sends_more_than_it_may_is_told_how_long_to_wait(tokens: Path) -> None:
    async with guarded(AccessConfig(tokens=tokens), RateLimits(device_requests=0.01)) as service:
        assert await service.who("camera-7") == "acme/camera-7"
        status, words = await service.refusal("camera-7")  # over another connection
        assert status == Status.RESOURCE_EXHAUSTED
        assert "this device has sent as much as it may; wait 9" in words
        assert await service.who("anna") == "acme/anna"


async def test_without_identities_everybody_is_a_connection() -> None:
    async with guarded(AccessConfig()) as service:
        assert (await service.who()).startswith("ipv4:127.0.0.1:")
