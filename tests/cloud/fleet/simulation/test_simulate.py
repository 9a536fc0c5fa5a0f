"""`isthmus fleet simulate` at real brokers, watched by a real controller."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import anyio
import pytest

import isthmus
from tests.cloud.fleet.serving import served
from tests.cloud.fleet.telling import FLEET

DEVICES = 12


@contextmanager
def simulated(port: int, *words: str) -> Iterator["subprocess.Popen[str]"]:
    """Until the end of the block, in order."""
    command = [sys.executable, "-m", "isthmus", "fleet", "simulate", "--fleet", FLEET, "--telemetry", "1s"]
    command += ["--mqtt", f"mqtt://127.0.0.1:{port}", "--devices", str(DEVICES), "--json", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)


async def test_simulated_devices_obey_tell_and_refuse_and_end_in_order(broker: int, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        controller = stack.enter_context(served(str(tmp_path / "fleet.db"), broker))
        with anyio.fail_after(90), simulated(broker, "--processes", "2") as process:
            await controller.until("/api/v1/devices", lambda found: len(found["devices"]) == DEVICES)
            assert (
                controller.post("set", everything=True, settings={"cuts": {"pinned": "no"}}).status_code
                == 400
            )
            controller.post("set", everything=True, settings={"cuts": {"pinned": "vision.4"}})
            await controller.until(
                "/api/v1/devices", lambda found: all(row["cut"] == "vision.4" for row in found["devices"])
            )
            process.send_signal(signal.SIGINT)
            counts = json.loads((await anyio.to_thread.run_sync(process.communicate))[0])
            await controller.until(
                "/api/v1/devices",
                lambda found: all(row["connection"] == "offline" for row in found["devices"]),
            )
    assert process.returncode == 0
    assert (counts["devices"], counts["connects"]) == (DEVICES, DEVICES)
    assert counts["windows"] > 0


def test_more_connections_than_a_process_may_have_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert isthmus.main(["fleet", "simulate", "--devices", "100000", "--mqtt", "mqtt://127.0.0.1:1"]) == 3
    assert "--processes" in capsys.readouterr().err
