"""The front door: one command, its sub-commands imported only when they are used."""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from protos.errors import IsthmusError
from protos.terminal.failures import failure
from protos.terminal.parser import Parser
from protos.terminal.streams import make_steady

VERSION = "0.1.0"

# name: (module whose `add_arguments(parser)` describes the command and sets `run`, one line of help, the
# extra it needs)
_COMMANDS = {
    "split": ("splitter.commands.split", "cut a model into an edge head and a cloud tail", "splitter"),
    "bundle": ("splitter.commands.bundle", "show, check or pack what a split made", "edge"),
    "plan": (
        "splitter.commands.plan",
        "choose where to cut: what every way to answer costs on a link",
        "edge",
    ),
    "cloud": ("cloud.commands", "serve bundles to devices", "cloud"),
    "fleet": ("cloud.fleet.commands", "tune and roll out the settings of many devices", "fleet"),
    "ask": ("edge.commands.ask", "answer a question about a picture", "edge"),
    "search": ("edge.commands.search", "find photos by what is on them", "edge"),
    "edge": ("edge.commands.profile", "measure this device, review its decisions", "edge"),
    "nano": ("splitter.commands.nano", "train or evaluate the built-in model", "splitter"),
    "bench": ("bench.commands", "measure", "demo"),
    "simulate": (
        "bench.simulate.command",
        "a device's decisions over recorded links, against rivals and an oracle",
        "demo",
    ),
    "demo": ("deploy.demo.commands", "the whole chain on this machine, over good and bad links", "demo"),
}
_INTERRUPTED = 130
_OURS = {"protos", "splitter", "edge", "cloud", "bench", "deploy"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0, that of the error tree in protos/errors.py, or 70 for a bug."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        options = _parser().parse_args(words)
        return int(options.run(options) or 0)
    except KeyboardInterrupt:
        return _say("interrupted", _INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        return 141
    except Exception as error:  # noqa: BLE001 - a person gets a line, never a traceback
        if extra := _missing_extra(error, words):
            return _say(extra, 1)
        return _say(*failure(error, words))


def _missing_extra(error: Exception, words: Sequence[str]) -> str:
    """Which extra to install, where the error is that a package of others is absent."""
    if not isinstance(error, ModuleNotFoundError) or not words or words[0] not in _COMMANDS:
        return ""
    if not error.name or error.name.split(".")[0] in _OURS:
        return ""
    return f"this command needs the package {error.name!r}: pip install 'isthmus[{_COMMANDS[words[0]][2]}]'"


def _say(text: str, status: int) -> int:
    print(f"isthmus: {text}", file=sys.stderr)
    return status


def _parser() -> Parser:
    description = "Cloud-edge split inference for vision-language models."
    parser = Parser(
        prog="isthmus", description=description, epilog="isthmus COMMAND --help teaches each command."
    )
    parser.add_argument("--version", action="version", version=f"isthmus {VERSION}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (module, line, _) in _COMMANDS.items():
        commands.add_parser(name, help=line, description=line).module = module
    return parser


def program() -> NoReturn:
    """`main` as a process of its own. An interrupted one ends at once: what tidies up at exit may wait for a
    thread for ever.
    """
    make_steady()
    status = _flushed(_status())
    if status == _INTERRUPTED:
        os._exit(status)
    sys.exit(status)


def _status() -> int:
    """Of `main`, where it ends by itself (--help, --version, an error of usage) too."""
    try:
        return main()
    except SystemExit as stop:
        return int(stop.code or 0)


def _flushed(status: int) -> int:
    """The status, after everything was written out; another where it cannot be."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stdout = None  # else Python would try again, and complain
        return status or 141
    except IsthmusError as error:
        return _say(str(error), status or error.exit_code)
    return status


if __name__ == "__main__":
    program()
