"""JPEG and PNG files that follow each other in a stream of bytes, taken apart."""

import logging
import re
from collections.abc import Iterator

_MAX_BYTES = 1 << 26
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_BARE_MARKERS = {0x01, *range(0xD0, 0xD9)}  # of JPEG: those without a length
_SCAN, _END = 0xDA, 0xD9
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # which ends the coded pixels of a scan

_log = logging.getLogger(__name__)


class PictureSplitter:
    """Give it bytes as they come; it gives whole files. What is no picture is passed over, and said once."""

    def __init__(self) -> None:
        self._data, self._at = bytearray(), 0  # the file that is coming, and how far it was looked at
        self._in_scan, self._said = False, False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The files that are complete now."""
        self._data += data
        while self._begun():
            end = self._end()
            if end is None:
                return
            whole = bytes(self._data[:end])
            self._drop(end)
            yield whole

    def _begun(self) -> bool:
        """Drop what stands before the next file; False where none begins."""
        if len(self._data) > _MAX_BYTES:
            self._drop(1)
        found = [place for first in (_PNG, _JPEG) if (place := self._data.find(first)) >= 0]
        begin = min(found, default=max(len(self._data) - len(_PNG) + 1, 0))
        if begin and (found or len(self._data) >= len(_PNG)):
            if not self._said:
                _log.warning("standard input has bytes that are no JPEG and no PNG; they are passed over")
            self._said = True
            self._drop(begin)
        return bool(found)

    def _drop(self, count: int) -> None:
        del self._data[:count]
        self._at, self._in_scan = 0, False

    def _end(self) -> int | None:
        """Where the file ends, if it has come so far."""
        return self._png_end() if self._data.startswith(_PNG) else self._jpeg_end()

    def _png_end(self) -> int | None:
        at = self._at or len(_PNG)
        while len(self._data) >= at + 12:
            size, kind = int.from_bytes(self._data[at : at + 4], "big"), self._data[at + 4 : at + 8]
            if len(self._data) < at + 12 + size:
                break
            at += 12 + size
            if kind == b"IEND":
                return at
        self._at = at
        return None

    def _jpeg_end(self) -> int | None:
        """Segments are skipped by their length, so that a thumbnail in one ends nothing."""
        data = self._data
        self._at = self._at or 2
        while len(data) >= self._at + 2:
            marker = data[self._at + 1]
            if self._in_scan:
                found = _MARKER.search(data, self._at)
                self._at = found.start() if found else len(data) - 1
                self._in_scan = found is None
            elif data[self._at] != 0xFF or marker == 0xFF:
                self._at += 1
            elif marker == _END:
                return self._at + 2
            elif marker in _BARE_MARKERS:
                self._at += 2
            elif len(data) < self._at + 4:
                break
            else:
                self._at += 2 + int.from_bytes(data[self._at + 2 : self._at + 4], "big")
                self._in_scan = marker == _SCAN
        return None
