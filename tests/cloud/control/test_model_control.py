"""Bundles come and go while a real service answers."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from cloud.models.tail import Tail
from protos import admin_pb2 as ap
from protos import inference_pb2 as ip
from protos.admin_pb2_grpc import AdminStub
from protos.bundle import MANIFEST, Bundle, write_manifest
from tests.cloud.calling import SECRET, Caller, Pixels, calling, picture_request

QUESTION = "describe the image"


@dataclass
class Operated:
    """A service, a client of it, and its operator."""

    caller: Caller
    admin: Any

    async def load(self, name: str) -> ap.Model:
        model: ap.Model = await self.admin.Load(ap.LoadRequest(name=name))
        return model

    async def unload(self, digest: str, drain: float = 0.0) -> ap.UnloadReply:
        asked = ap.UnloadRequest(digest=digest, drain_milliseconds=round(drain * 1000))
        reply: ap.UnloadReply = await self.admin.Unload(asked)
        return reply

    async def refusal(self, name: str) -> str:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await self.load(name)
        return refused.value.details() or ""

    async def served(self) -> list[str]:
        described = await self.caller.stub.Describe(ip.DescribeRequest())
        return [one.digest for one in described.bundles]


@asynccontextmanager
async def operated(*tails: Tail, **settings: Any) -> AsyncIterator[Operated]:
    async with calling(*tails, **settings) as caller:
        yield Operated(caller, AdminStub(caller.channel))


@pytest.fixture
def bundles(bundle_path: Path, endless_path: Path, tmp_path: Path) -> Path:
    """A folder with both."""
    (tmp_path / "bundles").mkdir()
    for name, path in (("nano", bundle_path), ("endless", endless_path)):
        (tmp_path / "bundles" / name).symlink_to(path)
    return tmp_path / "bundles"


def changed(bundle_path: Path, copy: Path, *, max_picture_bytes: int) -> str:
    """A version of a bundle that takes other pictures; its digest."""
    shutil.copytree(bundle_path, copy, ignore=shutil.ignore_patterns(MANIFEST))
    manifest = Bundle.open(bundle_path).manifest
    manifest.limits.max_picture_bytes = max_picture_bytes
    return write_manifest(copy, manifest)


async def test_a_bundle_is_loaded_beside_the_one_that_answers_and_outlives_its_folder(
    endless: Tail, bundle_path: Path, bundles: Path, scenes: list[Pixels]
) -> None:
    limit = endless.limits.max_picture_bytes - 1
    digest = changed(bundle_path, bundles / "nano-2", max_picture_bytes=limit)
    async with operated(endless, bundle_folder=bundles) as service:
        call = service.caller.stub.Infer(picture_request(endless.bundle, scenes[0], QUESTION))
        assert (await call.read()).text
        loaded = await service.load("nano-2")
        assert (loaded.digest, loaded.model, loaded.state) == (digest, "nano", ap.Model.SERVING)
        assert loaded.weight_bytes > 1e6
        assert (await call.read()).text  # it went on
        call.cancel()
        assert await service.served() == [endless.digest, digest]
        assert (await service.load(digest[:8])).digest == digest  # once is enough
        opened = Bundle.open(bundles / "nano-2")
        shutil.rmtree(bundles / "nano-2")
        assert (await service.caller.ask(picture_request(opened, scenes[0], QUESTION))).text


async def test_what_is_loaded_and_what_may_be_is_listed(endless: Tail, bundle: Bundle, bundles: Path) -> None:
    (bundles / "notes").mkdir()
    async with operated(endless, bundle_folder=bundles) as service:
        listed = (await service.admin.Models(ap.ModelsRequest())).models
    assert [(one.digest, one.folder, one.state) for one in listed] == [
        (endless.digest, "endless", ap.Model.SERVING),
        (bundle.digest, "nano", ap.Model.AVAILABLE),
    ]


async def test_only_what_is_in_the_folder_is_loaded(tail: Tail, endless_path: Path, bundles: Path) -> None:
    (bundles / "endless").unlink()
    async with operated(tail, bundle_folder=bundles) as service:
        for name in (str(endless_path), "../bundle", f"../{bundles.name}/nano", ".", "", "none"):
            assert "choose one of: nano" in await service.refusal(name)
    async with operated(tail) as service:
        assert "without --bundles DIR" in await service.refusal("nano")


async def test_a_load_that_fails_changes_nothing(
    tail: Tail, bundle_path: Path, bundles: Path, scenes: list[Pixels]
) -> None:
    limits = tail.limits.max_picture_bytes
    changed(bundle_path, bundles / "larger", max_picture_bytes=2 * limits)
    changed(bundle_path, bundles / "damaged", max_picture_bytes=limits - 1)
    (bundles / "damaged" / "cloud" / "model.safetensors").write_bytes(b"cut off")
    async with operated(tail, bundle_folder=bundles, memory_limit=tail.weight_bytes + 1000) as service:
        assert "model.safetensors has 7 bytes" in await service.refusal("damaged")
        assert "start it with --max-request" in await service.refusal("larger")
        no_room = await service.refusal("endless")
        assert "endless (endless) needs" in no_room
        assert "1 kB are free within --memory-limit" in no_room
        assert await service.served() == [tail.digest]
        assert (await service.caller.ask(picture_request(tail.bundle, scenes[0], QUESTION))).text


async def test_larger_requests_are_read_where_the_service_was_started_for_them(
    tail: Tail, bundle_path: Path, bundles: Path
) -> None:
    digest = changed(bundle_path, bundles / "larger", max_picture_bytes=2 * tail.limits.max_picture_bytes)
    largest = 3 * tail.limits.max_picture_bytes
    async with operated(tail, bundle_folder=bundles, max_request=largest) as service:
        await service.load("larger")
        assert await service.served() == [tail.digest, digest]
        assert (await service.caller.stub.Describe(ip.DescribeRequest())).max_request_bytes == largest


async def test_an_unloaded_bundle_finishes_what_was_begun_and_names_the_others(
    tail: Tail, endless: Tail, scenes: list[Pixels]
) -> None:
    async with operated(tail, endless) as service:
        request = picture_request(
            endless.bundle, scenes[0], QUESTION, generation=ip.Generation(max_tokens=60)
        )
        running = asyncio.create_task(service.caller.ask(request))
        await service.caller.until_running()
        unloading = asyncio.create_task(service.unload(endless.digest[:12], 60))
        while endless.digest in await service.served():
            pass
        (_, draining) = (await service.admin.Models(ap.ModelsRequest())).models
        assert (draining.digest, draining.state) == (endless.digest, ap.Model.DRAINING)
        status, message = await service.caller.refusal(request)
        assert status == grpc.StatusCode.FAILED_PRECONDITION
        assert f"is not served here, but {tail.digest}" in message
        assert (await running).done.tokens == 60
        assert await unloading == ap.UnloadReply(digest=endless.digest)


async def test_what_takes_longer_than_the_drain_is_ended(
    tail: Tail, endless: Tail, scenes: list[Pixels]
) -> None:
    async with operated(tail, endless) as service:
        request = picture_request(endless.bundle, scenes[0], QUESTION)
        running = asyncio.create_task(service.caller.refusal(request))
        await service.caller.until_running()
        assert (await service.unload(endless.digest)).unfinished == 1
        status, message = await running
        assert status == grpc.StatusCode.FAILED_PRECONDITION
        assert "was unloaded before this was answered" in message
        await service.caller.until_idle()
        with pytest.raises(grpc.aio.AioRpcError, match="the only bundle that is served"):
            await service.unload(tail.digest)


async def test_a_stream_that_waits_for_its_next_frame_ends(tail: Tail, endless: Tail) -> None:
    opening = ip.WatchOpening(
        bundle=endless.bundle.id, cut="connector", codec="fitted-5", question=QUESTION, client_secret=SECRET
    )
    async with operated(tail, endless) as service:
        stream = service.caller.stub.Watch()
        await stream.write(ip.WatchRequest(opening=opening))
        await stream.write(ip.WatchRequest(sequence=1))  # not a frame; that it is refused shows who waits
        assert (await stream.read()).HasField("failure")
        await service.unload(endless.digest)
        assert await stream.code() == grpc.StatusCode.FAILED_PRECONDITION
