"""Bundles come and go while a real service answers."""

import asyncio
import gc
import shutil
from pathlib import Path

import grpc
import pytest

from cloud.models.tail import Tail
from protos import admin_pb2 as ap
from protos import inference_pb2 as ip
from protos.bundle import Bundle
from tests.cloud.calling import SECRET, Pixels, picture_request
from tests.cloud.control.versions import another_version, operated

QUESTION = "describe the image"


@pytest.fixture
def bundles(bundle_path: Path, endless_path: Path, tmp_path: Path) -> Path:
    """A folder with both."""
    (tmp_path / "bundles").mkdir()
    for name, path in (("nano", bundle_path), ("endless", endless_path)):
        (tmp_path / "bundles" / name).symlink_to(path)
    return tmp_path / "bundles"


async def test_a_bundle_is_loaded_beside_the_one_that_answers_outlives_its_folder_and_is_freed(
    endless: Tail, bundle_path: Path, bundles: Path, scenes: list[Pixels]
) -> None:
    digest = another_version(bundle_path, bundles / "nano-2", -2)
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
        await service.unload(digest, 10)
        assert not [one for one in gc.get_objects() if type(one) is Tail and one.digest == digest]


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
    another_version(bundle_path, bundles / "larger", tail.limits.max_picture_bytes)
    another_version(bundle_path, bundles / "damaged")
    weights = bundles / "damaged" / "cloud" / "model.safetensors"
    weights.unlink()  # it is a link to the real one
    weights.write_bytes(b"cut off")
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
    digest = another_version(bundle_path, bundles / "larger", tail.limits.max_picture_bytes)
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


async def test_with_compile_a_bundle_that_is_loaded_is_compiled_before_it_is_served(
    endless: Tail, bundle: Bundle, bundles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[str] = []
    monkeypatch.setattr("cloud.models.compiled.compile_step", lambda model: compiled.append(model.digest))
    async with operated(endless, bundle_folder=bundles, compile=True) as service:
        await service.load("nano")
        assert compiled == [bundle.digest]
