"""Files: what their names may be, and a text written whole or not at all."""

import contextlib
import os
from pathlib import Path

from protos.errors import RequestError


def check_name(path: Path) -> None:
    """Raises RequestError for a path that libraries in C++ or Rust do not open: it is not UTF-8."""
    name = str(path)
    if "\0" in name or name != name.encode(errors="replace").decode():
        raise RequestError(f"{name!a} is not a name in UTF-8; rename it, or give another place", path=name)


def write_whole(path: Path, text: str) -> None:
    """Write UTF-8, the folder too: a reader sees the old file or the new one, never a part.

    Raises OSError, and leaves no part behind.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # a path in it may have bytes that are no UTF-8
        aside.write_text(text, encoding="utf-8", errors="backslashreplace")
        aside.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            aside.unlink()
        raise
