"""The demonstration's files: a folder with the page and its pictures, and the figures as JSON."""

import dataclasses
import json
import shutil
import tempfile
from pathlib import Path

from deploy.demo.page import KIND, page
from deploy.demo.record import Record
from protos.errors import RequestError
from protos.files import check_writable
from protos.pages import neighbours

COMMAND = "demo"
PAGE = "report.html"


def check(folder: Path) -> None:
    """Raise RequestError now, before anything is measured, for places that cannot be written to later."""
    if not folder.name or (folder.exists() and not folder.is_dir()):
        raise RequestError(
            f"--output {folder} is not the name of a folder of its own; give one, such as: --output demo"
        )
    if folder.exists() and not _ours(folder):
        raise RequestError(
            f"--output {folder} holds other files than an earlier report; name another folder, or empty "
            "this one"
        )
    check_writable(folder)


def write(record: Record, folder: Path) -> Path:
    """Write the page and the pictures into a folder, whole or not at all; an earlier report there is
    replaced, and pages beside it stay and are linked. Gives the page.
    """
    check(folder)
    place = folder.resolve()
    place.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    try:
        aside.chmod(0o755)
        for asked in record.asked:
            (aside / f"{asked.name}.png").write_bytes(asked.png)
        for name in neighbours.neighbours(place).keys() - {PAGE}:
            shutil.copy2(place / name, aside)
        neighbours.save(aside / PAGE, page(record), COMMAND)
        shutil.rmtree(place, ignore_errors=True)
        aside.rename(place)
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


def _ours(folder: Path) -> bool:
    """Whether a folder holds nothing but pages of ours and, beside an earlier report, its pictures."""
    pages = neighbours.neighbours(folder)
    rest = [path for path in folder.iterdir() if path.name not in pages]
    scenes = all(path.name.startswith("scene-") and path.suffix == ".png" for path in rest)
    return pages.get(PAGE, KIND) == KIND and (not rest or (scenes and PAGE in pages))
