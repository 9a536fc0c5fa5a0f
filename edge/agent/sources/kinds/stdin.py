"""Pictures on standard input, one after another, as `ffmpeg -f image2pipe` writes them."""

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from edge.agent.sources.concatenated import PictureSplitter
from edge.agent.sources.frame import Shot
from edge.agent.sources.opening import Opening
from edge.agent.sources.source import SourceSettings
from edge.pictures.files import decode_picture

_CHUNK_BYTES, _LOOK_SECONDS = 1 << 16, 0.2


class StdinSource(SourceSettings, frozen=True, tag="stdin", kw_only=True):
    """`kind = "stdin"`: JPEG or PNG files without anything between. Each is asked about, and the writer
    waits; `live`: those that nobody has taken are dropped instead.
    """

    live: bool = False

    @contextmanager
    def open(self, opening: Opening) -> Iterator["_Stdin"]:
        yield _Stdin(sys.stdin.fileno(), opening)


class _Stdin:
    """Reads the descriptor itself: Python's buffer would hold up a process that ends."""

    def __init__(self, descriptor: int, opening: Opening) -> None:
        self._descriptor, self._opening = descriptor, opening

    def shots(self) -> Iterator[Shot]:
        splitter = PictureSplitter()
        while data := self._read():
            for picture in splitter.feed(data):
                yield partial(decode_picture, picture)

    def _read(self) -> bytes:
        """What has come; nothing at the end."""
        while not self._opening.closing.is_set():
            if select.select([self._descriptor], [], [], _LOOK_SECONDS)[0]:
                return os.read(self._descriptor, _CHUNK_BYTES)
        return b""
