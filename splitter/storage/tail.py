"""The cloud's weights: a checkpoint's own safetensors files at two bytes a number, written block by block.

Numbers of two bytes stay as they are, BF16 too: it has the range that FP16 lacks, at the same size. FP32
becomes FP16, but a tensor with numbers beyond FP16's range becomes BF16.
"""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import torch

from protos.errors import CheckpointError
from splitter.families.files.checkpoint import (
    CONFIG,
    GENERATION,
    INDEX,
    METADATA,
    WEIGHTS,
    Stored,
    raw_header,
    read_header,
)
from splitter.families.loading import Checkpoint
from splitter.storage.parts import Parts

_WIDE = {"F32": torch.float32, "F64": torch.float64}
_HALF = {"F16": torch.float16, "BF16": torch.bfloat16}
_HALF_BYTES = 2
_BLOCK = 1 << 22  # numbers


@dataclass(frozen=True)
class Piece:
    """A tensor on its way into the tail: where it is, and its type and size there."""

    name: str
    source: Stored
    dtype: str

    @property
    def size(self) -> int:
        return (
            self.source.numbers * _HALF_BYTES
            if self.source.dtype in _WIDE
            else self.source.end - self.source.begin
        )


def write_tail(
    checkpoint: Checkpoint, parts: Parts, folder: Path, advance: Callable[[int, int], None] = lambda *_: None
) -> None:
    """Weights and configuration of the tail into an empty folder; files that are finished in `parts` are not
    written again.

    `advance` is told of files done, of how many.
    """
    files = weight_files(checkpoint.tensors)
    for done, file in enumerate(files):
        advance(done, len(files))
        write = partial(_write_index, checkpoint) if file.name == INDEX else partial(write_fp16, file)
        parts.take(f"tail-{file.name}", write, folder / file.name)
    for name in (CONFIG, GENERATION):
        if (checkpoint.folder / name).exists():
            shutil.copyfile(checkpoint.folder / name, folder / name)


def tail_bytes(tensors: dict[str, Stored]) -> int:
    """What the tail of these tensors takes on disk, but for its headers."""
    return sum(Piece(name, stored, "").size for name, stored in tensors.items())


def write_fp16(source: Path, target: Path) -> None:
    """One safetensors file with no number wider than two bytes; copied as it is where that holds already.
    Raises CheckpointError.
    """
    tensors = read_header(source)
    if not any(stored.dtype in _WIDE for stored in tensors.values()):
        shutil.copyfile(source, target)
        return
    with source.open("rb") as reading, target.open("wb") as writing:
        pieces = [Piece(name, stored, _narrowed(reading, stored)) for name, stored in tensors.items()]
        told = ((piece.name, piece.dtype, piece.source.shape, piece.size) for piece in pieces)
        writing.write(header(told, raw_header(source)[0].get(METADATA)))
        for piece in pieces:
            for block in _blocks(reading, piece):
                writing.write(block)


def weight_files(tensors: dict[str, Stored]) -> list[Path]:
    """The files that hold a checkpoint's tensors, and the index where there are several."""
    files = sorted({stored.file for stored in tensors.values()})
    return files if files[0].name == WEIGHTS else [*files, files[0].with_name(INDEX)]


def _write_index(checkpoint: Checkpoint, target: Path) -> None:
    index = json.loads((checkpoint.folder / INDEX).read_text(encoding="utf-8"))
    index["metadata"] = (index.get("metadata") or {}) | {"total_size": tail_bytes(checkpoint.tensors)}
    target.write_text(json.dumps(index, indent=1), encoding="utf-8")


def _narrowed(reading: BinaryIO, stored: Stored) -> str:
    """The type of a tensor in the tail."""
    if stored.dtype not in _WIDE:
        return stored.dtype
    beyond = any(
        bool((block.to(torch.float16).isinf() & block.isfinite()).any())
        for block in _numbers(reading, stored)
    )
    return "BF16" if beyond else "F16"


def header(tensors: Iterable[tuple[str, str, Sequence[int], int]], metadata: object = None) -> bytes:
    """A safetensors file's beginning: of each tensor its name, the format's name of its type, its shape and
    its bytes, in their order.

    Eight bytes of length and the JSON, filled with spaces so that the data is aligned.
    """
    entries: dict[str, object] = {METADATA: metadata} if metadata else {}
    begin = 0
    for name, dtype, shape, size in tensors:
        entries[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, begin + size]}
        begin += size
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _blocks(reading: BinaryIO, piece: Piece) -> Iterator[bytes]:
    if piece.source.dtype in _WIDE:
        for numbers in _numbers(reading, piece.source):
            yield numbers.to(_HALF[piece.dtype]).view(torch.int16).numpy().tobytes()
        return
    reading.seek(piece.source.begin)
    left = piece.size
    while left:
        copied = _exactly(reading, min(left, _BLOCK))
        left -= len(copied)
        yield copied


def _numbers(reading: BinaryIO, stored: Stored) -> Iterator[torch.Tensor]:
    """A wide tensor's numbers in order, a block at a time. Plain reads: a mapped file would count as memory
    in use.
    """
    reading.seek(stored.begin)
    dtype, left = _WIDE[stored.dtype], stored.numbers
    while left:
        count = min(left, _BLOCK)
        yield torch.frombuffer(bytearray(_exactly(reading, count * dtype.itemsize)), dtype=dtype)
        left -= count


def _exactly(reading: BinaryIO, size: int) -> bytes:
    block = reading.read(size)
    if len(block) != size:
        raise CheckpointError(
            f"{reading.name} became shorter while it was read; leave the checkpoint as it is during a split"
        )
    return block
