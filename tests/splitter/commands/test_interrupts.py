"""Ctrl-C at each step of the real command: nothing half-written stays, and the same command goes on to the
same bundle.
"""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest
from PIL import Image

from protos.bundle import Bundle
from splitter.nano.scenes import picture
from tests.splitter.families.checkpoints import llava_clip

ARGUMENTS = ("--cuts", "vision.1", "--report-pictures", "1", "--precision", "int8", "--json")
STEPS = (
    "pictures to calibrate on",
    "identity gate",
    "converting",
    "timing",
    "fitting",
    "writing the tail",
    "measuring",
    "reading the bundle",
)


@pytest.fixture(scope="module")
def forking() -> ForkServerContext:
    """Processes that have loaded torch already: a command each, without the seconds that loading takes."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["isthmus", "splitter.split", "splitter.commands.split"])
    return context


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small") / "checkpoint"
    llava_clip(folder)
    (folder / "photos").mkdir()
    for seed in range(8):
        Image.fromarray(picture(seed).image).save(folder / "photos" / f"{seed}.png")
    return folder


def command(checkpoint: Path, output: Path, stop_at: str, there: Event) -> None:
    """`isthmus split`, which at the step whose words hold `stop_at` tells so and waits for what comes."""
    import isthmus
    from splitter import split

    real = split.split

    def halting(
        *given: object,
        say: Callable[[str], None],
        advance: Callable[[str, int, int], None],
        **options: object,
    ) -> Bundle:
        def halt(text: str) -> None:
            if stop_at and stop_at in text:
                there.set()
                time.sleep(60)

        def told(text: str) -> None:
            say(text)
            halt(text)

        def advanced(step: str, done: int, total: int) -> None:
            advance(step, done, total)
            halt(step)

        return real(*given, say=told, advance=advanced, **options)  # type: ignore[arg-type]

    split.split = halting  # type: ignore[assignment]
    sys.stdout = sys.stderr = (output.parent / "said").open("a")
    pictures = str(checkpoint / "photos")
    sys.exit(
        isthmus.main(["split", str(checkpoint), "-o", str(output), "--calibration", pictures, *ARGUMENTS])
    )


def started(
    forking: ForkServerContext, checkpoint: Path, output: Path, stop_at: str = ""
) -> tuple[ForkServerProcess, Event]:
    there = forking.Event()
    process = forking.Process(target=command, args=(checkpoint, output, stop_at, there))
    process.start()
    return process, there


@pytest.mark.slow
def test_an_interrupt_at_each_step_leaves_nothing_half_written_and_the_same_bundle_comes_of_it(
    forking: ForkServerContext, checkpoint: Path, tmp_path: Path
) -> None:
    output = tmp_path / "bundle"
    for step in STEPS:
        process, there = started(forking, checkpoint, output, step)
        while not there.wait(0.02):
            assert process.is_alive(), f"no step says {step!r}: {(tmp_path / 'said').read_text()}"
        os.kill(process.pid or 0, signal.SIGINT)
        process.join()
        assert process.exitcode == 130, (step, (tmp_path / "said").read_text())
        assert not output.exists(), step
        assert not [*tmp_path.glob("*.parts/aside-*"), *tmp_path.glob("*.parts/making")], step
    last = [started(forking, checkpoint, place) for place in (output, tmp_path / "whole")]
    for process, _ in last:
        process.join()
        assert process.exitcode == 0, (tmp_path / "said").read_text()
    assert not list(tmp_path.glob("*.parts"))
    assert Bundle.open(output).digest == Bundle.open(tmp_path / "whole").digest
    assert " ".join((tmp_path / "said").read_text().split()).count(
        "the same command goes on from there"
    ) == len(STEPS)
