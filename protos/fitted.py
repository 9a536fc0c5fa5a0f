"""The fitted codec: mean removed, a linear transform of channels and tokens, one step size; entropy-coded with static tables."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from protos import bundle_pb2 as pb
from protos import rans
from protos.errors import PayloadError
from protos.payload import Codes, Floats, check_length, check_names, tiled, words

Stored = Mapping[str, NDArray[np.generic]]

_SYNTHESIS = ("basis", "mean", "turn", "inner", "place", "outer")


@dataclass(frozen=True)
class Level:
    """One rate of one tensor: a step, and for each code (tokens, channels) which table it is coded with, -1 where it is not sent."""

    step: float
    which: NDArray[np.int16]
    tables: rans.Tables

    @property
    def most_bytes(self) -> int:
        """The longest payload."""
        return rans.most_bytes(len(self._sent))

    def encode(self, codes: Codes) -> bytes:
        """Codes (tiles * tokens, channels) to bytes; those beyond their tables saturate."""
        low, high = (np.array(bounds)[self._tables] for bounds in (self.tables.low, self.tables.high))
        sent = codes.reshape(-1, self.which.size)[:, self._sent].astype(np.int64).clip(low, high)
        return self.tables.encode(sent.ravel(), np.tile(self._tables, len(sent)))

    def decode(self, data: bytes, tiles: int = 1) -> Floats:
        """Bytes to coordinates (tiles, tokens, channels), 0 where none is sent. Raises PayloadError."""
        coordinates = np.zeros((tiles, self.which.size), np.float32)
        symbols = self.tables.decode_each(data, np.tile(self._tables, tiles))
        coordinates[:, self._sent] = symbols.reshape(tiles, -1) * np.float32(self.step)
        return coordinates.reshape(tiles, *self.which.shape)

    def first(self, tokens: int, channels: int) -> Self:
        """The same for the first so many tokens and channels only, behind which nothing may be sent."""
        return replace(self, which=np.ascontiguousarray(self.which[:tokens, :channels]))

    def arrays(self, codec: str, tensor: str) -> dict[str, NDArray[np.generic]]:
        """As arrays for the .npz of the sender."""
        sizes = [len(f) for f in self.tables.frequency]
        flat = [f for alphabet in self.tables.frequency for f in alphabet]
        tables = {"low": list(self.tables.low), "size": sizes, "frequency": flat}
        arrays: dict[str, NDArray[np.generic]] = {f"{codec}/{part}/{tensor}": np.array(v, np.int32) for part, v in tables.items()}
        return arrays | {f"{codec}/which/{tensor}": self.which, f"{codec}/step/{tensor}": np.array(self.step, np.float32)}

    @cached_property
    def _sent(self) -> NDArray[np.int64]:
        return np.flatnonzero(self.which >= 0)

    @cached_property
    def _tables(self) -> NDArray[np.int16]:
        return self.which.ravel()[self._sent]


@dataclass(frozen=True)
class Correction:
    """What a learned codec adds to each token x: `relu(x @ inner + place) @ outer`.

    `inner` (width, hidden), `outer` (hidden, width); `place` (tokens, hidden) tells positions apart.
    """

    inner: Floats
    place: Floats
    outer: Floats


@dataclass(frozen=True)
class Synthesis:
    """How coordinates (..., tokens sent, channels) become a tensor again: `turn @ coordinates @ basis + mean`. All levels share it.

    `basis` (channels, width); `mean` (tokens, width) is that of each position; `turn` (tokens, tokens sent) mixes tokens, or is absent.
    """

    basis: Floats
    mean: Floats
    turn: Floats | None = None
    correction: Correction | None = None

    def __call__(self, coordinates: Floats) -> Floats:
        values = coordinates @ self.basis
        values = (values if self.turn is None else self.turn @ values) + self.mean
        if added := self.correction:
            values += np.maximum(values @ added.inner + added.place, 0) @ added.outer
        return values

    def arrays(self, tensor: str) -> dict[str, NDArray[np.generic]]:
        """As arrays for the .npz of the receiver."""
        parts = {"basis": self.basis, "mean": self.mean, "turn": self.turn} | (vars(self.correction) if self.correction else {})
        return {f"{name}/{tensor}": array for name, array in parts.items() if array is not None}


class Fitted:
    """One level of the fitted codec; its encoder gives INT16 codes of all that any level sends."""

    name = "fitted"

    def __init__(self, spec: pb.Codec, levels: Mapping[str, Level], syntheses: Mapping[str, Synthesis]) -> None:
        self._spec, self._levels, self._syntheses = spec, levels, syntheses
        self.feed: Mapping[str, Floats] = {f"per-step/{name}": np.array(1 / level.step, np.float32) for name, level in levels.items()}

    def encode(self, codes: Mapping[str, Codes]) -> dict[str, bytes]:
        """Codes of one picture, each of its manifest shape a tile, to payloads by name. Raises PayloadError for others."""
        return {tensor.codes.name: self._encode(tensor, codes[tensor.codes.name]) for tensor in self._spec.tensors}

    def decode(self, payloads: Mapping[str, bytes], tiles: int = 1) -> dict[str, Floats]:
        """Payloads to boundary tensors (tiles * tokens, width). Raises PayloadError or TooLarge for bytes that are not ours."""
        check_names(self._spec, payloads)
        return {tensor.codes.name: self._decode(tensor, payloads[tensor.codes.name], tiles) for tensor in self._spec.tensors}

    def _encode(self, tensor: pb.CodedTensor, codes: Codes) -> bytes:
        level = self._levels[tensor.codes.name]
        if not tiled(codes.shape, level.which.shape) or codes.dtype != np.int16:
            raise PayloadError(f"tensor {tensor.codes.name!r} is {codes.dtype} {codes.shape}, the manifest says {words(tensor.codes)}")
        return level.encode(codes)

    def _decode(self, tensor: pb.CodedTensor, data: bytes, tiles: int) -> Floats:
        check_length(tensor, data, tiles)
        name = tensor.codes.name
        return np.concatenate(self._syntheses[name](self._levels[name].decode(data, tiles)))


class Learned(Fitted):
    """The fitted codec trained on: the same on the wire, other weights at both ends, and a correction at the receiver's."""

    name = "learned"


def read_level(stored: Stored, codec: str, tensor: str) -> Level:
    """A level as `Level.arrays` wrote it. Raises KeyError or ValueError."""
    low, size, flat = (stored[f"{codec}/{part}/{tensor}"].astype(np.int64) for part in ("low", "size", "frequency"))
    ends = np.cumsum(size)
    tables = rans.Tables(low.tolist(), [flat[end - count : end].tolist() for end, count in zip(ends, size, strict=True)])
    which = stored[f"{codec}/which/{tensor}"].astype(np.int16)
    if which.ndim != 2 or which.min() < -1 or which.max() >= len(low):
        raise ValueError("a code without a table")
    return Level(float(finite(stored[f"{codec}/step/{tensor}"])), which, tables)


def read_synthesis(stored: Stored, tensor: str) -> Synthesis:
    """A synthesis as `Synthesis.arrays` wrote it. Raises KeyError or ValueError."""
    parts = {name: finite(stored[f"{name}/{tensor}"]) for name in _SYNTHESIS if f"{name}/{tensor}" in stored}
    correction = Correction(parts["inner"], parts["place"], parts["outer"]) if "inner" in parts else None
    return Synthesis(parts["basis"], parts["mean"], parts.get("turn"), correction)


def finite(table: NDArray[np.generic]) -> Floats:
    """A table of numbers as float32. Raises ValueError unless all are finite."""
    values = table.astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("a number that is not finite")
    return values
