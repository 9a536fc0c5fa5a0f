"""Files: what their names may be; written whole or not at all, and never over what the same command did not
write before.
"""

import contextlib
import json
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from protos.errors import RequestError

_HEAD = 4096  # bytes of a file that say who wrote it


def check_name(path: Path) -> None:
    """Raises RequestError for a path that libraries in C++ or Rust do not open: it is not UTF-8."""
    name = str(path)
    if "\0" in name or name != name.encode(errors="replace").decode():
        raise RequestError(f"{name!a} is not a name in UTF-8; rename it, or give another place", path=name)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write UTF-8 or bytes, the folder too: a reader sees the old file or the new one, never a part.

    Raises OSError, and leaves no part behind.
    """
    # a path in it may have bytes that are no UTF-8
    data = content.encode(errors="backslashreplace") if isinstance(content, str) else content
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("xb") as stream:
            stream.write(data)
        aside.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            aside.unlink()
        raise


def json_of(command: str, fields: Mapping[str, Any], default: Callable[[Any], Any] | None = None) -> str:
    """JSON that says which of Isthmus' commands wrote it."""
    return json.dumps({"generator": _generator(command), **fields}, indent=1, default=default) + "\n"


def array_mark(command: str) -> bytes:
    """What an archive of arrays holds first, uncompressed, under `generator`."""
    return f"generator={_generator(command)};".encode()


def check_file(path: Path, command: str, mark: str = "") -> None:
    """Raises RequestError now, before anything is measured, for a file that cannot be written later: there is
    no place for it, or it is there and this command did not write it. `mark`: what its files bear, where that
    is not what `json_of` and `array_mark` give them.
    """
    check_name(path)
    place = path.resolve()
    if place.is_dir():
        raise RequestError(f"{path} is a folder; give the name of a file", path=str(path))
    if place.is_file() and not written_by(place, command, mark):
        raise RequestError(
            f"{path} is not overwritten, because {_generator(command)} did not write it; give another name",
            path=str(path),
        )
    check_writable(path)


def check_writable(path: Path) -> None:
    """Raises RequestError for a file or folder that cannot be made, wherever above it the reason is."""
    above = next(folder for folder in path.resolve().parents if folder.exists())
    if not above.is_dir():
        raise RequestError(
            f"{path} cannot be written: {above} is a file; choose another place", path=str(path)
        )
    if not os.access(above, os.W_OK | os.X_OK):
        raise RequestError(
            f"{path} cannot be written: {above} is not yours to write to; choose another place",
            path=str(path),
        )


def write_file(path: Path, content: str | bytes, command: str | None, mark: str = "") -> None:
    """Write what bears the command's mark; without a command, over whatever is there. A link stays a link,
    and what is no file, such as /dev/stdout, is written to. Raises RequestError.
    """
    if command:
        check_file(path, command, mark)
    place = path.resolve()
    try:
        if place.exists() and not place.is_file():
            with place.open("wb") as stream:
                stream.write(content.encode() if isinstance(content, str) else content)
            return
        write_whole(place, content)
    except OSError as error:
        raise RequestError(
            f"{path} cannot be written ({error.strerror}); choose another place", path=str(path)
        ) from error


def _generator(command: str) -> str:
    return f"isthmus {command}"


def written_by(place: Path, command: str, mark: str = "") -> bool:
    """Whether a file bears the command's mark. An empty one is nobody's."""
    try:
        with place.open("rb") as stream:
            head = stream.read(_HEAD)
    except OSError:
        return False
    usual = (f'"generator": "{_generator(command)}"'.encode(), array_mark(command))
    return not head or any(one in head for one in ((mark.encode(),) if mark else usual))
