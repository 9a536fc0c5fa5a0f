"""Pictures that `file://` names: those below an allowed folder, wherever links lead."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from protos.errors import PictureError
from protos.http.refusals import FORBIDDEN, TOO_LARGE, Refused


class LocalFiles:
    """Files of at most `max_bytes` below folders."""

    def __init__(self, folders: Sequence[Path], max_bytes: int) -> None:
        self._folders, self._max_bytes = folders, max_bytes

    def read(self, address: str) -> bytes:
        """What a file holds. What lies outside is refused as what is not there is. Raises Refused,
        PictureError.
        """
        if not self._folders:
            raise Refused(FORBIDDEN, "no file may be named here; list folders in http.allowed-folders")
        path = self._inside(_path_of(address))
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - of a descriptor
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise _not_there()
            data = file.read(self._max_bytes + 1)
        if len(data) > self._max_bytes:
            words = f"the file has more than {self._max_bytes} bytes; make it smaller, or raise http.max-body"
            raise Refused(TOO_LARGE, words)
        return data

    def _inside(self, named: str) -> Path:
        try:
            path = Path(named).resolve(strict=True)
            inside = any(path.is_relative_to(folder.resolve()) for folder in self._folders)
        except (OSError, ValueError, RuntimeError):  # a loop of links was a RuntimeError before Python 3.13
            raise _not_there() from None
        if not inside or not path.is_file() or not os.access(path, os.R_OK):
            raise _not_there()
        return path


def _path_of(address: str) -> str:
    parts = urlsplit(address)
    if parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
        raise PictureError("a file is named by its whole path; write file:///folder/picture.jpg")
    return unquote(parts.path)


def _not_there() -> Refused:
    words = "no such file lies below a folder of http.allowed-folders; check its path and permissions"
    return Refused(FORBIDDEN, words)
