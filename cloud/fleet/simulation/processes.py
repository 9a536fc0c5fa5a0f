"""A simulated fleet over several processes: one event loop is one core."""

import asyncio
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from multiprocessing.process import BaseProcess

from cloud.fleet.simulation.fleet import Counts, SimulatedFleet, SimulationConfig
from protos.errors import IsthmusError, RequestError
from protos.terminal.failures import failure

_BESIDE = 100  # files that a process needs beside its connections
_POLL_SECONDS = 0.2
_END_SECONDS = 15.0


async def simulate(
    config: SimulationConfig, processes: int, tell: Callable[[Counts], None], seconds: float | None = None
) -> None:
    """Until cancelled, by SIGINT or SIGTERM, or for so many seconds. `tell` hears how all of it goes. Raises
    RequestError where more connections are asked for than a process may have, and for what is no simulation.
    """
    allow_connections(-(-config.devices // processes))
    task = asyncio.current_task()
    assert task
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    with suppress(asyncio.CancelledError, TimeoutError):
        async with asyncio.timeout(seconds):
            if processes == 1:
                await SimulatedFleet(config).run(tell)
            else:
                await run_processes(config, processes, tell)


def allow_connections(count: int) -> None:
    """Raise the process's limit of open files. Raises RequestError where it may not be raised so far."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = count + _BESIDE
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise RequestError(
            f"{count} connections of one process need {needed} open files, and it may have {hard}; give more "
            "--processes, or raise the limit: ulimit -Hn"
        )
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


async def run_processes(config: SimulationConfig, processes: int, tell: Callable[[Counts], None]) -> None:
    """Until cancelled, each with a part of the devices. Raises IsthmusError where one ends by itself."""
    context = get_context("spawn")
    begun: list[tuple[BaseProcess, Pipe]] = []
    latest: dict[int, Counts] = {}
    try:
        for part in _parts(config, processes):
            ours, theirs = context.Pipe()
            process: BaseProcess = context.Process(target=_work, args=(part, theirs), daemon=True)
            process.start()
            theirs.close()
            begun.append((process, ours))
        await _watch(begun, latest, tell)
    finally:
        for process, _ in begun:
            process.terminate()
        for process, _ in begun:
            await asyncio.to_thread(process.join, _END_SECONDS)
        tell(_sum(begun, latest))


def _parts(config: SimulationConfig, processes: int) -> list[SimulationConfig]:
    edges = [config.devices * part // processes for part in range(processes + 1)]
    return [
        replace(config, first=config.first + begin, devices=end - begin)
        for begin, end in pairwise(edges)
        if end > begin
    ]


async def _watch(
    begun: list[tuple[BaseProcess, Pipe]], latest: dict[int, Counts], tell: Callable[[Counts], None]
) -> None:
    while True:
        tell(_sum(begun, latest))
        for process, _ in begun:
            if not process.is_alive():
                raise IsthmusError(
                    f"a process of simulated devices ended with status {process.exitcode}; what went wrong "
                    "stands above"
                )
        await asyncio.sleep(_POLL_SECONDS)


def _sum(begun: list[tuple[BaseProcess, Pipe]], latest: dict[int, Counts]) -> Counts:
    """Of all processes, as each told last."""
    total = Counts()
    for place, (_, pipe) in enumerate(begun):
        with suppress(EOFError):
            while pipe.poll():
                latest[place] = pipe.recv()
        total.add(latest.get(place, Counts()))
    return total


def _work(config: SimulationConfig, pipe: Pipe) -> None:
    """A process of its own. Ctrl-C is for the one that began it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    async def run() -> None:
        task = asyncio.current_task()
        assert task
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        with suppress(asyncio.CancelledError):
            await SimulatedFleet(config).run(pipe.send)

    try:
        asyncio.run(run())
    except IsthmusError as error:
        text, status = failure(error, ["fleet", "simulate"])
        print(f"isthmus: {text}", file=sys.stderr)
        sys.exit(status)
    except BrokenPipeError:  # who began it is gone
        sys.exit(1)
