"""`isthmus edge profile`: measure what each part of an answer costs on this device."""

import argparse
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from edge import config
from edge.commands import agent, events, explain_log
from edge.costs.measure import measure
from edge.models.providers import CHOICES, PROVIDER_HELP
from protos.costs.profile import COMMAND, DeviceProfile
from protos.files import check_file
from protos.terminal.arguments import seconds, whole
from protos.terminal.options import add_bundle, add_json, open_bundle
from protos.terminal.progress import progress

_EXAMPLES = """\
The orchestrator predicts the time of every route from these numbers. Measure once on each device, while it
does nothing else; until then it uses those of the machine that split the model.

examples:
  isthmus edge profile --threads 2
  isthmus edge profile --bundle bundle --duration 20s -o jetson.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus edge`."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    line = "measure what each part of an answer costs on this device"
    command = commands.add_parser("profile", help=line, description=line, epilog=_EXAMPLES)
    add_bundle(command)
    command.add_argument(
        "--threads", type=whole(), default=1, metavar="N", help="threads for the model (default: 1)"
    )
    command.add_argument(
        "--provider", choices=CHOICES, help=f"{PROVIDER_HELP} (default: $ISTHMUS_PROVIDER, or auto)"
    )
    command.add_argument(
        "--duration",
        type=seconds("0s"),
        default="5s",
        metavar="TIME",
        help="how long to measure (default: %(default)s)",
    )
    command.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="where to keep the numbers (default: in the cache folder)",
    )
    add_json(command)
    command.set_defaults(run=run)
    explain_log.add_command(commands)
    agent.add_commands(commands)
    events.add_command(commands)


def run(options: argparse.Namespace) -> None:
    """Measure, save, print."""
    bundle = open_bundle(options.bundle)
    path = options.output or config.profile_file(bundle.digest, options.threads, options.provider or "")
    if options.output:
        check_file(path, COMMAND)
    with progress() as shown:
        shown.step("measuring", 1.0)
        profile = measure(bundle, options.threads, options.duration, shown.update, options.provider or "")
    profile.save(path, usual=not options.output)
    if options.json:
        print(json.dumps(dataclasses.asdict(profile), indent=1))
        return
    console = Console()
    console.print(_table(profile))
    console.print(f"saved to {path}", soft_wrap=True, highlight=False)


def _table(profile: DeviceProfile) -> Table:
    threads = "1 thread" if profile.threads == 1 else f"{profile.threads} threads"
    table = Table(title=f"{profile.machine}, {threads}", title_justify="left")
    table.add_column("part")
    table.add_column("ms", justify="right")
    for part, milliseconds in _rows(profile):
        table.add_row(part, f"{milliseconds:.2f}")
    return table


def _rows(profile: DeviceProfile) -> Iterator[tuple[str, float]]:
    yield "prepare a picture of 1280 x 960", profile.preprocess_ms
    for cut, milliseconds in profile.pieces.items():
        yield f"head to {cut}", milliseconds
    for coding, milliseconds in profile.encode_ms.items():
        yield f"encode {coding}", milliseconds
    if profile.prefill_ms:
        yield "local: prompt", profile.prefill_ms
    if profile.token_ms:
        yield "local: each token" if profile.prefill_ms else "local: each label", profile.token_ms
