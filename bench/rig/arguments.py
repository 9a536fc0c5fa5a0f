"""The arguments that several benchmarks take."""

import argparse
from pathlib import Path

from protos.arguments import whole

NANO = "nano"  # as --data: the drawn scenes


def add_bundle(command: argparse.ArgumentParser) -> None:
    """BUNDLE."""
    command.add_argument("bundle", type=Path, metavar="BUNDLE", help="a bundle with its cloud folder")


def add_built_in_bundle(command: argparse.ArgumentParser) -> None:
    """--bundle DIR."""
    command.add_argument(
        "--bundle",
        type=Path,
        metavar="DIR",
        help="a split of the built-in model (default: made once, kept in the cache)",
    )


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


def add_json(command: argparse.ArgumentParser, metavar: str = "FILE") -> None:
    """--json FILE."""
    command.add_argument("--json", type=Path, metavar=metavar, help="write the figures to a file")
