"""A device is killed at random instants, also on a disk that is full or fails: nothing that it acknowledged
is lost, and the model answers each request once.
"""

import asyncio
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from cloud.api.keyed_answers import KeyedAnswers, RequestKey
from cloud.engine.job import Job
from cloud.models.tail import Tail
from edge.agent.outbox.outbox import Outbox
from protos.bundle import Bundle
from splitter.nano.scenes import HELD_OUT_SEEDS, picture
from tests.cloud.calling import FP32, Caller, calling, picture_request
from tests.edge.agent.outbox.chaos.device import LIMITS

ROOT = Path(__file__).parents[5]
KILLS = int(os.environ.get("ISTHMUS_CHAOS_KILLS", "8"))
QUESTIONS = ("describe the image", "what color is the background")
SECONDS = 60 + 6 * KILLS  # for what ends by itself


@dataclass(frozen=True)
class Trouble:
    name: str
    kills: int
    environment: dict[str, str]
    fails: bool = False  # the disk: by a library that is compiled first


TROUBLES = [
    Trouble("killed", KILLS, {}),
    Trouble("killed, disk full", max(KILLS // 2, 2), {"CHAOS_FILE_BYTES": "150000"}),
    Trouble("killed, disk fails", max(KILLS // 2, 2), {"CHAOS_ONE_IN": "40"}, fails=True),
]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the model began to answer each key."""
    counted: Counter[str] = Counter()
    begin = KeyedAnswers._begin

    def counting(self: KeyedAnswers, key: RequestKey, job: Job) -> None:
        counted[key.name] += 1
        begin(self, key, job)

    monkeypatch.setattr(KeyedAnswers, "_begin", counting)
    return counted


@pytest.mark.slow
@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.name)
async def test_nothing_is_lost_and_nothing_answered_twice(
    trouble: Trouble, bundle: Bundle, runs: Counter[str], tmp_path: Path
) -> None:
    environment = trouble.environment | (failing_disk(tmp_path) if trouble.fails else {})
    async with calling(Tail(bundle, FP32)) as caller:
        expected = await asked(caller, bundle, tmp_path)
        for seed in range(trouble.kills):  # a disk has its trouble every other time
            await killed(caller, tmp_path, seed, environment if seed % 2 else {})
        with closing(Outbox(tmp_path / "outbox.db", LIMITS, 1e6)) as outbox:
            waiting = outbox._database.rows("SELECT count(*) FROM waiting")[0][0]
        await drained(caller, tmp_path)
    acknowledged = dict(line.split() for line in lines(tmp_path, "acknowledged"))
    told = Counter(line.split(" ", 1)[0] for line in lines(tmp_path, "told"))
    with closing(Outbox(tmp_path / "outbox.db", LIMITS, 1e6)) as outbox:
        found = {identity: outbox.answer(identity) for identity in acknowledged}
        settled = outbox._database.rows("SELECT count(*) FROM settled")[0][0]
    print(
        f"{trouble.name}: {trouble.kills} kills, {len(acknowledged)} acknowledged, "
        f"{len(lines(tmp_path, 'refused'))} refused, {waiting} waited at the last kill, {settled} answered, "
        f"{sum(runs.values())} runs of the model, at most {max(runs.values())} a key, "
        f"{sum(count - 1 for count in told.values())} told again"
    )
    assert len(acknowledged) > trouble.kills
    assert [found[identity].text for identity in acknowledged] == [
        expected[int(index)] for index in acknowledged.values()
    ]
    assert set(acknowledged) <= set(told)
    assert set(runs.values()) == {1}
    said = {line.split(" ", 1)[0]: line for line in lines(tmp_path, "told")}
    assert all(line == said[line.split(" ", 1)[0]] for line in lines(tmp_path, "told"))


def lines(folder: Path, name: str) -> list[str]:
    path = folder / name
    return path.read_text().splitlines() if path.exists() else []


async def asked(caller: Caller, bundle: Bundle, folder: Path) -> list[str]:
    """What the device may ask, left in its folder, and the answers."""
    answers = list[str]()
    for scene in range(4):
        for question in QUESTIONS:
            request = picture_request(bundle, picture(HELD_OUT_SEEDS + scene).image, question)
            (folder / f"request-{len(answers):02}.bin").write_bytes(request.SerializeToString())
            answers.append((await caller.ask(request)).text)
    return answers


async def killed(caller: Caller, folder: Path, seed: int, environment: dict[str, str]) -> None:
    device = await started(caller, folder, str(seed), environment)
    await asyncio.sleep(random.Random(seed).uniform(0, 0.6))
    device.kill()
    await device.wait()


async def drained(caller: Caller, folder: Path) -> None:
    device = await started(caller, folder, "0", {}, "drain")
    try:
        async with asyncio.timeout(SECONDS):
            assert await device.wait() == 0
    finally:
        if device.returncode is None:
            device.kill()


async def started(
    caller: Caller, folder: Path, seed: str, environment: dict[str, str], *more: str
) -> asyncio.subprocess.Process:
    module = "tests.edge.agent.outbox.chaos.device"
    device = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", module, str(folder), caller.service.address, seed, *more),
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
    )
    assert device.stdout
    try:
        async with asyncio.timeout(SECONDS):
            assert await device.stdout.readline() == b"ready\n"
    except BaseException:
        device.kill()
        raise
    return device


def failing_disk(folder: Path) -> dict[str, str]:
    """What makes the disk of a process fail."""
    if not (compiler := shutil.which("cc")):
        pytest.skip("no C compiler here")
    library = folder / "faults.so"
    source = Path(__file__).with_name("faults.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return {"LD_PRELOAD": str(library)}
