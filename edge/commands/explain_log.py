"""`isthmus edge explain LOG`: how good this device's decisions were."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from edge.decision_log.log_file import BadLine, read_log
from edge.decision_log.review import Review, review
from protos.terminal.options import add_json

_EPILOG = """\
What was predicted is held against what it took, stage by stage: real to predicted, the median and the middle
80%. 1 is right, 2 took twice as long.

What another way would have taken nobody knows. For the choice in hindsight each part of its prediction is
taken times the ratio of real to predicted that this part had in the same request: the link and the machine as
they were. Where a request shows nothing of a part, as a local answer shows nothing of the link, the believed
time stands. Trials are left out: they are taken to learn. So is what came another way than decided.

examples:
  isthmus ask photo.jpg describe the image --cloud 127.0.0.1:7070 --log decisions.jsonl
  isthmus edge explain decisions.jsonl
  isthmus edge explain decisions.jsonl --json
"""


def add_command(commands: Any) -> None:
    """Describe it, among those of `isthmus edge`."""
    line = "how good decisions were: a log of `isthmus ask --log`, predicted against real"
    command = commands.add_parser("explain", help=line, description=line, epilog=_EPILOG)
    command.add_argument(
        "log",
        type=Path,
        metavar="LOG",
        help="of `isthmus ask --log LOG`; what was rotated to LOG.1 is read too",
    )
    add_json(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Read, judge, print. Raises RequestError."""
    records, bad = read_log(options.log)
    found = review(records)
    if options.json:
        print(json.dumps({**asdict(found), "bad_lines": [asdict(line) for line in bad]}, indent=1))
        return
    console = Console()
    if found.stages:
        console.print(_table(found))
    for line in _sentences(found, bad):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _table(found: Review) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("real : predicted")
    for column in ("n", "median", "10%", "90%"):
        table.add_column(column, justify="right")
    for stage in found.stages:
        ratios = (f"{ratio:.2f}" for ratio in (stage.median, stage.low, stage.high))
        table.add_row(stage.stage.removesuffix("_ms").replace("_", " "), str(stage.count), *ratios)
    return table


def _sentences(found: Review, bad: list[BadLine]) -> list[str]:
    said = [f"{found.requests} requests; {_percent(found.as_decided)} were answered the way that was decided"]
    said.append(f"trials: {_percent(found.trials)}")
    if found.with_deadline:
        promised, met = _percent(found.promised), _percent(found.met)
        said.append(f"deadlines: {met} of {found.with_deadline} met, {promised} promised")
    if found.judged:
        best = _percent(found.best_in_hindsight)
        said.append(
            f"in hindsight the best of those that came next was taken {best} of {found.judged} times; it "
            f"would have saved {found.regret_ms:.1f} ms on average"
        )
    return said + [f"no record: {line.place} ({line.reason})" for line in bad]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
