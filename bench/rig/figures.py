"""What a benchmark found: tables or JSON on standard output, and a file."""

import argparse
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from protos.errors import RequestError
from protos.files import write_whole


def check_places(*files: Path | None) -> None:
    """Raises RequestError now, before anything is measured, for places that cannot be written to later."""
    for file in filter(None, files):
        if not file.parent.is_dir() or not os.access(file.parent, os.W_OK):
            raise RequestError(
                f"{file} cannot be written: {file.parent} is not a folder to write to; choose another place",
                path=str(file),
            )


def publish(options: argparse.Namespace, figures: Mapping[str, object], show: Callable[[], None]) -> None:
    """Show tables, or with --json print the figures instead; write them where -o says."""
    text = json.dumps(figures, indent=1)
    if options.output:
        write_whole(options.output, text + "\n")
    if options.json:
        print(text)
    else:
        show()
