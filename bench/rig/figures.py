"""What a benchmark found: tables or JSON on standard output, and a file."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from protos.errors import RequestError
from protos.files import check_file, json_of, write_file


def check_places(command: str, figures: Path | None, page: Path | None = None) -> None:
    """Raises RequestError now, before anything is measured, for figures that cannot be written later, or are
    to go where a page is.
    """
    if figures:
        check_file(figures, f"bench {command}")
    if figures and page and figures.resolve() == page.resolve():
        raise RequestError(f"{figures} is to hold figures and a page; give each a name of its own")


def publish(
    command: str, options: argparse.Namespace, figures: Mapping[str, object], show: Callable[[], None]
) -> None:
    """Of `bench COMMAND`: show tables, or with --json print the figures instead; write them where -o says."""
    text = json_of(f"bench {command}", figures)
    if options.output:
        write_file(options.output, text, f"bench {command}")
    if options.json:
        print(text, end="")
    else:
        show()
