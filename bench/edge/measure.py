"""Processes of a device, started in turns beside onnxruntime alone."""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import cv2

from bench.edge.installed import installed_bytes
from bench.edge.processes import FedProcess
from bench.edge.results import (
    AGENT_LOCAL,
    AGENT_REMOTE,
    ALONE,
    ASK_LOCAL,
    ASK_REMOTE,
    EdgeFigures,
    Start,
)
from bench.rig.cloud_process import CloudProcess
from bench.rig.machine import setting
from protos.bundle import Bundle
from splitter.nano.scenes import HELD_OUT_SEEDS, picture

_QUESTION = "what is in the picture?"
_WARM_UP = 2  # answers
_SETTLE_SECONDS = 0.5
_AGENT = """\
bundle = "{bundle}"
threads = {threads}
{cloud}
[[source]]
kind = "stdin"
name = "camera"
rate = "1000/s"
[[source.question]]
name = "what"
text = "{question}"
"""
_REMOTE = """\
[cloud]
address = "{address}"
[rules]
route = "split"
local = false
"""


class Plan(NamedTuple):
    """How much is measured."""

    threads: int
    repetitions: int
    answers: int
    rest_seconds: float


class _Contender(NamedTuple):
    command: list[str]
    food: bytes = b""  # none: the process ends with its first answer


def measure(bundle: Bundle, plan: Plan, advance: Callable[[], None]) -> EdgeFigures:
    """Start each in turns; `advance` is called after each turn. Raises CloudError, IsthmusError."""
    with tempfile.TemporaryDirectory(prefix="isthmus-bench-") as folder, CloudProcess(bundle.path) as cloud:
        contenders = _contenders(bundle, plan.threads, cloud.address, Path(folder))
        starts: dict[str, list[Start]] = {name: [] for name in contenders}
        for turn in range(1 + plan.repetitions):  # the first compiles, and fills the system's cache
            for name, contender in contenders.items():
                start = _start(contender, plan, Path(folder) / "bytecode")
                starts[name] += [start] if turn else []
            if turn:
                advance()
    where = setting(plan.threads, plan.repetitions)
    return EdgeFigures(where, bundle.digest, installed_bytes(), starts, plan.answers, plan.rest_seconds)


def _start(contender: _Contender, plan: Plan, bytecode: Path) -> Start:
    with FedProcess(contender.command, contender.food, bytecode) as process:
        first = process.first()
        if not contender.food:
            return Start(first)
        for _ in range(_WARM_UP):
            process.answer()
        before = process.cpu_seconds()
        times = [process.answer() for _ in range(plan.answers)]
        time.sleep(_SETTLE_SECONDS)  # what an answer leaves running is its own
        worked = process.cpu_seconds()
        time.sleep(plan.rest_seconds)
        rest = (process.cpu_seconds() - worked) / plan.rest_seconds
        return Start(
            first,
            process.resident_bytes(),
            1e3 * statistics.median(times),
            1e3 * (worked - before) / plan.answers,
            rest,
        )


def _contenders(bundle: Bundle, threads: int, address: str, folder: Path) -> Mapping[str, _Contender]:
    scene, png = (
        folder / "scene.png",
        cv2.imencode(".png", picture(HELD_OUT_SEEDS).image[..., ::-1])[1].tobytes(),
    )
    scene.write_bytes(png)
    isthmus = [sys.executable, "-m", "isthmus"]
    ask = [*isthmus, "ask", str(scene), _QUESTION, "-b", str(bundle.path), "--threads", str(threads)]
    remote = _REMOTE.format(address=address)

    def agent(name: str, cloud: str) -> _Contender:
        file = folder / f"{name}.toml"
        text = _AGENT.format(bundle=bundle.path.absolute(), threads=threads, cloud=cloud, question=_QUESTION)
        file.write_text(text, encoding="utf-8")
        return _Contender([*isthmus, "edge", "run", str(file)], png)

    graphs = [str(bundle.file(piece.path)) for piece in bundle.manifest.pieces]
    return {
        ALONE: _Contender([sys.executable, "-m", "bench.edge.alone", str(threads), *graphs], b"\n"),
        ASK_LOCAL: _Contender([*ask, "--route", "local"]),
        ASK_REMOTE: _Contender([*ask, "--cloud", address, "--route", "split", "--no-local"]),
        AGENT_LOCAL: agent("local", '[rules]\nroute = "local"'),
        AGENT_REMOTE: agent("remote", remote),
    }
