"""The file that a benchmark writes its figures to."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from protos.errors import RequestError


def check_places(*files: Path | None) -> None:
    """Raises RequestError now, before anything is measured, for places that cannot be written to later."""
    for file in filter(None, files):
        if not file.parent.is_dir() or not os.access(file.parent, os.W_OK):
            raise RequestError(
                f"{file} cannot be written: {file.parent} is not a folder to write to; choose another place",
                path=str(file),
            )


def save_figures(file: Path | None, figures: Mapping[str, object]) -> None:
    """Write them as JSON, where a file was asked for."""
    if file:
        file.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
