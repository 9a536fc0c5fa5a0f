"""Keys over HTTP: fetched again when they rotate, and kept while their provider is away."""

import asyncio
import logging
import secrets
import time
from collections.abc import Iterator

import pytest

from cloud.config import AccessConfig
from cloud.identity.authentication import Authentication
from cloud.identity.identity import Role
from cloud.identity.key_set import MAX_BYTES
from cloud.identity.key_source import KeyUrl
from protos.errors import RequestError, Unauthenticated
from tests.cloud.identity.provider import AUDIENCE, ISSUER, Published, Signer, forged, published, web_server

OLD, NEW = Signer("old"), Signer("new")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def provider() -> Iterator[Published]:
    with web_server(published(OLD)) as served:
        yield served


async def started(provider: Published, clock: Clock) -> KeyUrl:
    source = KeyUrl(provider.url, clock)
    await source.start()
    return source


async def test_an_unknown_key_is_asked_for_at_most_once_a_minute(provider: Published) -> None:
    clock = Clock()
    source = await started(provider, clock)
    assert await source.find("old")
    assert not await source.find("new")
    assert provider.asked == 1
    provider.content = published(OLD, NEW)
    clock.now += 61
    found = await asyncio.gather(*(source.find(name) for name in ["new"] * 20 + ["unknown"] * 20))
    assert [key is not None for key in found] == [True] * 20 + [False] * 20
    assert provider.asked == 2


async def test_a_key_that_is_withdrawn_is_forgotten_in_a_while(provider: Published) -> None:
    clock = Clock()
    source = await started(provider, clock)
    provider.content = published(NEW)
    await source.refresh()
    assert await source.find("old")
    clock.now += 301
    await source.refresh()
    assert not await source.find("old")
    assert await source.find("new")
    assert provider.asked == 2


@pytest.mark.parametrize(
    ("status", "content"),
    [(500, b""), (302, b""), (200, b"<html>"), (200, b" " * (MAX_BYTES + 1))],
)
async def test_a_provider_that_fails_changes_nothing(
    status: int, content: bytes, provider: Published, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    source = await started(provider, clock)
    provider.status, provider.content = status, content
    clock.now += 301
    await source.refresh()
    assert await source.find("old")
    assert provider.asked == 2
    (record,) = [one for one in caplog.records if one.name == "cloud.identity.key_source"]
    assert record.levelno == logging.WARNING
    assert "the keys of before go on" in record.getMessage()


async def test_a_provider_that_is_not_there_is_told_at_the_start(provider: Published) -> None:
    with pytest.raises(RequestError, match=r"127\.0\.0\.1 gives no keys \(ConnectError\)"):
        await KeyUrl("http://127.0.0.1:9/jwks").start()
    provider.status = 404
    with pytest.raises(RequestError, match="answers 404"):
        await KeyUrl(provider.url).start()


async def test_ten_thousand_bad_tokens_ask_the_provider_once(provider: Published) -> None:
    authentication = Authentication(AccessConfig(jwks=provider.url, audience=AUDIENCE, issuer=ISSUER))
    await authentication.start()
    claims = {"sub": "x", "aud": AUDIENCE, "iss": ISSUER, "exp": time.time() + 60}
    bad = [
        *(forged({"alg": "ES256", "kid": secrets.token_hex(4)}, claims, b"x") for _ in range(5000)),
        *(forged({"alg": "none", "kid": "old"}, claims) for _ in range(3000)),
        *(secrets.token_urlsafe() for _ in range(2000)),
    ]
    for token in bad:
        with pytest.raises(Unauthenticated):
            await authentication.identify([("authorization", f"Bearer {token}")], {}, Role.DEVICE)
    assert provider.asked == 1
    good = [("authorization", f"Bearer {OLD.token()}")]
    assert (await authentication.identify(good, {}, Role.DEVICE)).device == "camera-7"
