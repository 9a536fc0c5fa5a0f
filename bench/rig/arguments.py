"""The arguments that several benchmarks take."""

import argparse
from pathlib import Path

from protos.terminal.arguments import whole
from protos.terminal.options import add_json

NANO = "nano"  # as --data: the drawn scenes


def add_data(command: argparse.ArgumentParser) -> None:
    """--data DIR."""
    command.add_argument(
        "--data",
        required=True,
        metavar="DIR",
        help="folder of pictures, or `nano`: scenes that nothing was fitted on",
    )


def add_count(command: argparse.ArgumentParser, option: str, default: int, what: str) -> None:
    """An option that takes a whole number of at least 1."""
    command.add_argument(
        option, type=whole(), default=default, metavar="N", help=f"{what} (default: %(default)s)"
    )


def add_figures(command: argparse.ArgumentParser) -> None:
    """--json, and -o FILE."""
    add_json(command)
    command.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write the figures to a file, as JSON"
    )
