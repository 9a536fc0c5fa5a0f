"""The demonstration's files: a folder with the page and its pictures, and the figures as JSON."""

import dataclasses
import json
import os
import shutil
import tempfile
from pathlib import Path

from deploy.demo.page import page
from deploy.demo.record import Record
from protos.errors import RequestError
from protos.pages import neighbours

PAGE = "report.html"


def check(folder: Path) -> None:
    """Raise RequestError now, before anything is measured, for places that cannot be written to later."""
    if not folder.name or (folder.exists() and not folder.is_dir()):
        raise RequestError(
            f"--output {folder} is not the name of a folder of its own; give one, such as: --output demo"
        )
    pages = neighbours.neighbours(folder)
    if folder.exists() and any(path.name not in pages and not _ours(path) for path in folder.iterdir()):
        raise RequestError(
            f"--output {folder} holds other files than an earlier report; name another folder, or empty "
            "this one"
        )
    _check_parent(folder)


def write(record: Record, folder: Path) -> Path:
    """Write the page and the pictures into a folder, whole or not at all; an earlier report there is
    replaced, and pages beside it stay and are linked. Gives the page.
    """
    check(folder)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        aside.chmod(0o755)
        for asked in record.asked:
            (aside / f"{asked.name}.png").write_bytes(asked.png)
        for name in neighbours.neighbours(folder).keys() - {PAGE}:
            shutil.copy2(folder / name, aside)
        neighbours.save(aside / PAGE, page(record))
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return folder / PAGE


def as_json(record: Record) -> str:
    """Every figure and the summaries."""
    summaries = [
        {"link": run.name, **dataclasses.asdict(summary)} for run in record.links for summary in run.summaries
    ]
    return json.dumps({**dataclasses.asdict(record), "summaries": summaries}, indent=1, default=_size)


def _size(data: bytes) -> str:
    """A picture in the JSON."""
    return f"{len(data)} bytes"


def _ours(path: Path) -> bool:
    return path.name == PAGE or (path.name.startswith("scene-") and path.suffix == ".png")


def _check_parent(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(
            f"--output {path} cannot be made ({error.strerror}); name another place"
        ) from error
    if not os.access(path.parent, os.W_OK):
        raise RequestError(
            f"--output {path} cannot be written; name another place, or allow writing to {path.parent}"
        )
