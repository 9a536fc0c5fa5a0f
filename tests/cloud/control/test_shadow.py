"""Both versions run what the stable one has answered, and nobody notices."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cloud.config import AccessConfig
from cloud.models.tail import Tail
from cloud.rollout.assignment import is_assigned
from protos import admin_pb2 as ap
from protos import inference_pb2 as ip
from protos.admin_pb2_grpc import AdminStub
from protos.bundle import PICTURE_CUT
from tests.cloud.calling import Head, Pixels, calling, picture_request
from tests.cloud.control.versions import Operated, operated
from tests.cloud.guarded import bearing
from tests.cloud.identity.provider import AUDIENCE, ISSUER, Signer, key_file

QUESTION = "what color is the circle?"


async def until(service: Operated, so: Callable[[ap.Traffic], bool]) -> ap.Traffic:
    """The traffic, once it is so."""
    async with asyncio.timeout(30):
        while not so(traffic := await service.traffic()):
            pass
    return traffic


async def test_pictures_and_features_are_run_by_both_and_counted(
    tail: Tail, candidate: Tail, head: Head, scenes: list[Pixels]
) -> None:
    features = head.features(scenes[1], "connector")
    async with operated(tail, candidate) as service:
        await service.set_traffic(candidate=candidate.digest, shadow=1.0)
        first = await service.caller.ask(picture_request(tail.bundle, scenes[0], QUESTION))
        await until(service, lambda traffic: traffic.pairs == 1)
        asked = ip.InferRequest(bundle=tail.bundle.id, question=QUESTION, features=features)
        await service.caller.ask(asked)
        told = await until(service, lambda traffic: traffic.pairs == 2)
        assert (told.answered, told.changed, told.candidate_failed, told.stable_failed) == (2, 0, 0, 0)
        assert told.verdict == ap.Traffic.HOLD
        assert [stage.stage for stage in told.stages] == ["tail", "first_token", "generate"]
        assert all(stage.stable > 0 and stage.candidate > 0 for stage in told.stages)
        cached = ip.InferRequest(
            bundle=tail.bundle.id,
            question=QUESTION,
            cached_frame=first.done.frame,
            client_secret=bytes(range(16)),
        )
        sampled = picture_request(tail.bundle, scenes[0], QUESTION, generation=ip.Generation(temperature=1.0))
        of_the_candidate = picture_request(candidate.bundle, scenes[0], QUESTION)
        for request in (cached, sampled, of_the_candidate):
            await service.caller.ask(request)
        await service.caller.ask(picture_request(tail.bundle, scenes[2], QUESTION))
        assert (await until(service, lambda traffic: traffic.pairs > 2)).pairs == 3


async def test_a_candidate_that_fails_is_rolled_back(
    tail: Tail, candidate: Tail, scenes: list[Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise RuntimeError("a fault of this version")

    monkeypatch.setattr(candidate, "advance", fail)
    async with operated(tail, candidate) as service:
        await service.set_traffic(candidate=candidate.digest, shadow=1.0, share=1.0, automatic=True)
        assert await service.recommended() == [candidate.digest]
        pairs = 0
        while (await service.traffic()).verdict != ap.Traffic.ROLL_BACK:
            answer = await service.caller.ask(picture_request(tail.bundle, scenes[pairs % 6], QUESTION))
            assert answer.text
            pairs += 1
            await until(service, lambda traffic, pairs=pairs: traffic.pairs == pairs)  # type: ignore[misc]
        assert pairs < 20
        told = await service.traffic()
        assert (told.share, told.candidate_failed, told.answered) == (0.0, pairs, 0)
        assert await service.recommended() == [tail.digest]


class Gate:
    """Holds a model's vision part up, on the model's own thread, until it is opened; some pictures pass."""

    def __init__(self, tail: Tail, monkeypatch: pytest.MonkeyPatch, passing: int = 0) -> None:
        self._advance, self._entered, self._open = tail.advance, threading.Event(), threading.Event()
        self._passing = passing
        monkeypatch.setattr(tail, "advance", self._held_up)

    async def reached(self) -> None:
        assert await asyncio.to_thread(self._entered.wait, 30)

    def open(self) -> None:
        self._open.set()

    def _held_up(self, cut: str, *given: Any) -> Any:
        self._passing -= cut == PICTURE_CUT
        if self._passing < 0:
            self._entered.set()
            assert self._open.wait(30)
        return self._advance(cut, *given)


async def test_a_request_that_comes_ends_the_comparison(
    tail: Tail, candidate: Tail, scenes: list[Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with operated(tail, candidate) as service:
        await service.set_traffic(candidate=candidate.digest, shadow=1.0)
        gate = Gate(candidate, monkeypatch)
        await service.caller.ask(picture_request(tail.bundle, scenes[0], QUESTION))
        await gate.reached()
        coming = asyncio.create_task(service.caller.ask(picture_request(tail.bundle, scenes[1], QUESTION)))
        assert (await until(service, lambda traffic: traffic.interrupted == 1)).pairs == 0
        gate.open()
        assert (await coming).text


async def test_a_candidate_may_be_unloaded_in_the_middle_of_it(
    tail: Tail, candidate: Tail, scenes: list[Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with operated(tail, candidate) as service:
        await service.set_traffic(candidate=candidate.digest, shadow=1.0)
        gate = Gate(tail, monkeypatch, passing=1)
        await service.caller.ask(picture_request(tail.bundle, scenes[0], QUESTION))
        await gate.reached()
        await service.unload(candidate.digest)
        gate.open()
        assert (await service.traffic()).candidate == ""
        assert (await service.caller.ask(picture_request(tail.bundle, scenes[1], QUESTION))).text


async def test_each_device_gets_one_version_recommended(tail: Tail, candidate: Tail, tmp_path: Path) -> None:
    signer = Signer("key")
    access = AccessConfig(
        jwks=str(key_file(tmp_path / "keys.json", signer)), audience=AUDIENCE, issuer=ISSUER
    )
    async with calling(tail, candidate, access=access) as caller:

        async def recommended(device: str) -> list[str]:
            call = caller.stub.Describe(ip.DescribeRequest(), metadata=bearing(signer.token(sub=device)))
            return [one.digest for one in (await call).bundles if one.recommended]

        assert await recommended("camera-1") == []
        await AdminStub(caller.channel).SetTraffic(
            ap.SetTrafficRequest(candidate=candidate.digest, share=0.5),
            metadata=bearing(signer.token(sub="anna", role="admin")),
        )
        devices = [f"camera-{number}" for number in range(8)]
        found = [await recommended(device) for device in devices]
    drawn = [is_assigned(f"default/{device}", candidate.digest, 0.5) for device in devices]
    assert found == [[candidate.digest if one else tail.digest] for one in drawn]
    assert set(drawn) == {True, False}
