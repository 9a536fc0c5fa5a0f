"""`isthmus cloud serve` as a process of its own."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from cloud.api.grpc_server import check_port
from cloud.api.process import serve
from cloud.api.service import serving
from cloud.config import AccessConfig, ServeConfig
from cloud.models.served_models import ServedModels
from cloud.models.tail import Tail
from protos import inference_pb2 as ip
from protos.bundle import Bundle
from protos.errors import BundleError, RequestError
from protos.inference_pb2_grpc import InferenceStub
from tests.cloud.calling import Pixels, connected, picture_request

QUESTION = "describe the image"
PROXIED = AccessConfig(behind_proxy=True)
ROOT = Path(__file__).parents[3]


@contextlib.asynccontextmanager
async def process(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`isthmus cloud serve` as a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = (sys.executable, "-m", "isthmus", "cloud", "serve", *arguments)
    started = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


async def test_the_process_drains_at_sigterm_in_mid_answer(
    endless_path: Path, endless: Tail, scenes: list[Pixels]
) -> None:
    async with process(
        "--bundle",
        str(endless_path),
        "--listen",
        "127.0.0.1:0",
        "--drain",
        "60s",
        "--dtype",
        "float32",
        "--threads",
        "1",
    ) as served:
        assert served.stdout
        serving_line, listening = [(await served.stdout.readline()).decode() for _ in range(2)]
        address = listening.removeprefix("listening on ").strip()
        assert listening.startswith("listening on 127.0.0.1:")
        assert all(
            words in serving_line for words in ("endless", "vision.4", "cpu, float32", "1 threads", address)
        )
        async with connected(address) as channel:
            request = picture_request(
                endless.bundle, scenes[0], QUESTION, generation=ip.Generation(max_tokens=200)
            )
            replies = aiter(InferenceStub(channel).Infer(request))
            assert (await anext(replies)).text
            (model,) = children(served.pid, "cloud.runner.process.worker")
            served.send_signal(signal.SIGTERM)
            rest = [reply async for reply in replies]
        assert rest[-1].done.tokens == 200
        assert await served.wait() == 0
    with pytest.raises(ProcessLookupError):
        os.kill(model, 0)


async def test_a_second_sigterm_ends_the_process_whatever_is_decoded(
    endless_path: Path, endless: Tail, scenes: list[Pixels]
) -> None:
    options = ("--listen", "127.0.0.1:0", "--drain", "10min", "--dtype", "float32", "--threads", "1")
    async with asyncio.timeout(120), process("--bundle", str(endless_path), *options) as served:
        assert served.stdout
        _, listening = [(await served.stdout.readline()).decode() for _ in range(2)]
        decoders = children(served.pid, "picture_worker")
        assert decoders
        for decoder in decoders:
            os.kill(decoder, signal.SIGSTOP)
        async with connected(listening.removeprefix("listening on ").strip()) as channel:
            stub = InferenceStub(channel)
            stuck = aiter(stub.Infer(picture_request(endless.bundle, scenes[0], QUESTION)))
            answer = asyncio.ensure_future(anext(stuck))
            while not (await stub.Describe(ip.DescribeRequest())).load.waiting:
                assert not answer.done()
            served.send_signal(signal.SIGTERM)
            served.send_signal(signal.SIGINT)
            assert await served.wait() == 1
            with pytest.raises(grpc.aio.AioRpcError):
                await answer


def children(pid: int, program: str) -> list[int]:
    """The processes of a program that a service started."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            theirs = int(status.read_text().rpartition(")")[2].split()[1]) == pid
            if theirs and program in status.with_name("cmdline").read_text():
                found.append(int(status.parent.name))
    return found


async def test_the_process_refuses_a_folder_that_is_no_bundle(tmp_path: Path) -> None:
    async with process("--bundle", str(tmp_path)) as served:
        _, errors = await served.communicate()
    assert served.returncode == 4
    assert "is not a bundle" in errors.decode()
    assert "Traceback" not in errors.decode()


async def test_a_taken_port_is_told_before_any_model_is_loaded(endless_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        async with process("--bundle", str(endless_path), "--listen", place, "--verbose") as served:
            printed, errors = await served.communicate()
    assert (served.returncode, printed) == (3, b"")
    assert f"cannot listen on {place}: Address already in use; choose another --listen" in errors.decode()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_under_the_output_is_a_line(bundle_path: Path) -> None:
    command = (sys.executable, "-m", "isthmus", "cloud", "serve", "--listen", "127.0.0.1:0", "--threads", "1")
    with Path("/dev/full").open("w") as full:
        served = subprocess.run(
            [*command, "--bundle", str(bundle_path)],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert served.returncode == 1
    assert "the output cannot be written" in served.stderr
    assert "ExceptionGroup" not in served.stderr


def test_a_bundle_that_fails_at_its_first_answer_is_named(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def warm(_: Tail) -> bool:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied\nand more")

    monkeypatch.setattr(Tail, "warm", warm)
    with pytest.raises(BundleError, match="fails at its first answer: mat1 and mat2") as raised:
        serve([bundle], ServeConfig((bundle.path,), port=0, device="cpu", dtype="float32"))
    assert str(bundle.path) in str(raised.value)
    assert "and more" not in str(raised.value)


async def test_an_address_that_nobody_knows_is_told_as_such(tail: Tail) -> None:
    config = ServeConfig((tail.bundle.path,), host="no-such-host.invalid", port=0, access=PROXIED)
    with pytest.raises(RequestError, match=r"no-such-host\.invalid:0") as raised:
        await serving(ServedModels({tail.digest: tail}), config).__aenter__()
    assert "taken" not in str(raised.value)


def test_a_port_is_free_or_it_is_said_why_not() -> None:
    check_port(ServeConfig((Path(),), port=0))
    check_port(ServeConfig((Path(),), host="localhost", port=0))
    with pytest.raises(RequestError, match="choose another --listen"):
        check_port(ServeConfig((Path(),), host="192.0.2.1", port=0, access=PROXIED))
    with pytest.raises(RequestError, match="choose another --listen"):
        check_port(ServeConfig((Path(),), host="no-such-host.invalid", port=0, access=PROXIED))
