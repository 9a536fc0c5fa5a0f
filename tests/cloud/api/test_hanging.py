"""A model that hangs: whoever waits is told, and the process ends, to be started anew."""

import asyncio
import os
import socket
import sys
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cloud.api.process import EXIT_HANGS
from protos import inference_pb2 as ip
from protos.bundle import Bundle
from protos.inference_pb2_grpc import InferenceStub
from tests.cloud.calling import Pixels, connected, picture_request

ROOT = Path(__file__).parents[3]
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


async def refusal(channel: grpc.aio.Channel, request: ip.InferRequest) -> tuple[grpc.StatusCode, str]:
    call = InferenceStub(channel).Infer(request, timeout=60)
    assert await call.code() is not grpc.StatusCode.OK
    return await call.code(), await call.details()


async def test_a_service_whose_model_hangs_tells_its_callers_and_ends(
    bundle: Bundle, scenes: list[Pixels], tmp_path: Path
) -> None:
    told = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(told)
        served = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.cloud.api.hanging_service", str(bundle.path)),
            cwd=ROOT,
            env=os.environ | {"NOTIFY_SOCKET": told, "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": ""},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert served.stdout
        _, listening = [(await served.stdout.readline()).decode() for _ in range(2)]
        async with connected(listening.removeprefix("listening on ").strip()) as channel:
            watched = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
            health = [(await watched.read()).status]
            requests = [picture_request(bundle, scene, "describe the image") for scene in scenes[:2]]
            refusals = await asyncio.gather(*(refusal(channel, request) for request in requests))
            health.append((await watched.read()).status)
        _, errors = await served.communicate()
        systemd.setblocking(False)
        notes = [systemd.recv(4096).decode().split("\n")[0] for _ in range(2)]
    assert {code for code, _ in refusals} == {grpc.StatusCode.UNAVAILABLE}
    assert all("the model hangs" in words and "ask again" in words for _, words in refusals)
    assert health == [SERVING, NOT_SERVING]
    assert served.returncode == EXIT_HANGS
    assert "a step of the model takes longer than 1 s" in errors.decode()
    assert notes == ["READY=1", "WATCHDOG=1"]
