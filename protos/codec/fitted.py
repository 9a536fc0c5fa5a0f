"""The fitted codec: neighbours grouped, mean removed, a linear transform, one step size; entropy-coded with
static tables.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from protos import bundle_pb2 as pb
from protos.codec import rans
from protos.codec.inter_frame import FINER, InterFrameCoder, held, rounded
from protos.codec.payload import Codes, Floats, Frame, Sent, check_length, check_names, tiled, words
from protos.codec.refiner import Refiner
from protos.codec.symbol_groups import MAX, JointTable, SymbolGroups, symbols
from protos.codec.token_groups import Grouping
from protos.errors import PayloadError

Stored = Mapping[str, NDArray[np.generic]]

_SYNTHESIS = ("basis", "mean", "turn", *(field.name for field in fields(Refiner)))


@dataclass(frozen=True)
class Level:
    """One rate of one tensor: a step, and for each code (tokens, channels) which table it is coded with, -1
    where it is not sent.

    `joints`: how each table's codes are joined, or nothing where none are.
    """

    step: float
    which: NDArray[np.int16]
    tables: rans.Tables
    joints: Sequence[JointTable | None] = ()

    @property
    def max_bytes(self) -> int:
        """The longest payload."""
        return rans.max_bytes(self._joined.max_symbols)

    def sent(self, codes: Codes) -> Sent:
        """What is sent of codes (tiles * tokens, channels): (tiles, codes), saturated within their tables."""
        return self._within(self._chosen(codes))

    def sent_of_finer(self, codes: Codes, reference: Sent | None = None) -> Sent:
        """The same of codes `FINER` times as fine, of which those near the reference's become these."""
        chosen = self._chosen(codes)
        return self._within(rounded(chosen) if reference is None else held(chosen, reference))

    def encode(self, sent: Sent, reference: Sent | None = None) -> bytes:
        """What is sent, to bytes; against what was sent of another frame, where that is given."""
        if reference is not None:
            return self._inter.encode(sent, reference)
        return self._joined.encode(sent)

    def decode(self, data: bytes, tiles: int = 1, reference: Sent | None = None) -> Sent:
        """Bytes to what was sent: (tiles, codes). Raises PayloadError."""
        if reference is None:
            return self._joined.decode(data, tiles)
        if reference.shape != (tiles, len(self._places)):
            raise PayloadError("the reference is of another cut, codec or number of tiles; send a key frame")
        return self._inter.decode(data, reference)

    def coordinates(self, sent: Sent) -> Floats:
        """What was sent as coordinates (tiles, tokens, channels), 0 where nothing is; without the last
        channels, where none is sent.
        """
        tokens, channels = len(self.which), self._channels
        coordinates = np.zeros((len(sent), tokens * channels), np.float32)
        coordinates[:, self._near_places] = sent * np.float32(self.step)
        return coordinates.reshape(len(sent), tokens, channels)

    def first(self, tokens: int, channels: int) -> Self:
        """The same for the first so many tokens and channels only, behind which nothing may be sent."""
        return replace(self, which=np.ascontiguousarray(self.which[:tokens, :channels]))

    def arrays(self, codec: str, tensor: str) -> dict[str, NDArray[np.generic]]:
        """As arrays for the .npz of the sender."""
        sizes = [len(f) for f in self.tables.frequency]
        flat = [f for alphabet in self.tables.frequency for f in alphabet]
        tables = {"low": list(self.tables.low), "size": sizes, "frequency": flat}
        if any(self.joints):
            tables["members"] = [joint.members if joint else 1 for joint in self.joints]
            tables["reach"] = [joint.reach if joint else 0 for joint in self.joints]
            tables["joint"] = [f for joint in self.joints if joint for f in joint.frequency]
        arrays: dict[str, NDArray[np.generic]] = {
            f"{codec}/{part}/{tensor}": np.array(v, np.int32) for part, v in tables.items()
        }
        return arrays | {
            f"{codec}/which/{tensor}": self.which,
            f"{codec}/step/{tensor}": np.array(self.step, np.float32),
        }

    def _chosen(self, codes: Codes) -> NDArray[np.int64]:
        return codes.reshape(-1, self.which.size)[:, self._places].astype(np.int64)

    def _within(self, sent: NDArray[np.int64]) -> Sent:
        return sent.clip(*self._bounds).astype(np.int16)

    @cached_property
    def _places(self) -> NDArray[np.int64]:
        return np.flatnonzero(self.which >= 0)

    @cached_property
    def _channels(self) -> int:
        """So many channels hold all that is sent."""
        return int(np.flatnonzero((self.which >= 0).any(0)).max(initial=0)) + 1

    @cached_property
    def _near_places(self) -> NDArray[np.int64]:
        """The places among those channels alone."""
        return np.flatnonzero(self.which[:, : self._channels] >= 0)

    @cached_property
    def _tables(self) -> NDArray[np.int16]:
        return self.which.ravel()[self._places]

    @cached_property
    def _bounds(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return np.array(self.tables.low)[self._tables], np.array(self.tables.high)[self._tables]

    @cached_property
    def _joined(self) -> SymbolGroups:
        return SymbolGroups(self.tables, self.joints, self._tables)

    @cached_property
    def _inter(self) -> InterFrameCoder:
        return InterFrameCoder(self.tables, self._tables, self._places // self.which.shape[1])


@dataclass(frozen=True)
class Synthesis:
    """How coordinates (..., tokens sent, channels) become a tensor again: `turn @ coordinates @ basis +
    mean`. All levels share it.

    Coordinates may lack the last channels. `basis` (channels, width); `mean` (tokens, width) is that of each
    position; `turn` (tokens, tokens sent) mixes tokens, or is absent. With a grouping, a group stands
    wherever a token is named here, as wide as its members together. A learned codec adds a correction, which
    depends on the level's step.
    """

    basis: Floats
    mean: Floats
    turn: Floats | None = None
    grouping: Grouping | None = None
    refiner: Refiner | None = None

    def __call__(self, coordinates: Floats, step: float) -> Floats:
        apart = coordinates if self.turn is None else self.turn @ coordinates
        values = np.asarray(apart @ self.basis[: apart.shape[-1]] + self.mean, np.float32)
        if self.refiner:
            values += self.refiner(apart, step)
        return self.grouping.ungroup(values) if self.grouping else values

    def arrays(self, tensor: str) -> dict[str, NDArray[np.generic]]:
        """As arrays for the .npz of the receiver."""
        parts: dict[str, NDArray[np.generic] | None] = {
            "basis": self.basis,
            "mean": self.mean,
            "turn": self.turn,
        }
        if self.grouping:
            parts["order"] = self.grouping.order.astype(np.int32)
        if self.refiner:
            parts |= vars(self.refiner)
        return {f"{name}/{tensor}": array for name, array in parts.items() if array is not None}


class Fitted:
    """One level of the fitted codec; its encoder gives INT16 codes of all that any level sends.

    A frame may be packed against another that the receiver has: its payloads are then differences.
    """

    name = "fitted"

    def __init__(
        self, spec: pb.Codec, levels: Mapping[str, Level], syntheses: Mapping[str, Synthesis]
    ) -> None:
        self._spec, self._levels, self._syntheses = spec, levels, syntheses
        self.feed = self._per_step(1)
        self.finer_feed = self._per_step(FINER)  # for `frame_of_finer`

    def encode(self, codes: Mapping[str, Codes]) -> dict[str, bytes]:
        """Codes of one picture, each of its manifest shape a tile, to payloads by name. Raises PayloadError
        for others.
        """
        return self.pack(
            {name: level.sent(self._checked(name, codes)) for name, level in self._levels.items()}
        )

    def decode(self, payloads: Mapping[str, bytes], tiles: int = 1) -> dict[str, Floats]:
        """Payloads to boundary tensors (tiles * tokens, width). Raises PayloadError or TooLarge for bytes
        that are not ours.
        """
        return self.tensors(self.unpack(payloads, tiles))

    def frame_of_finer(self, codes: Mapping[str, Codes], reference: Frame | None = None) -> Frame:
        """What is sent of codes that `finer_feed` gave; those near the reference's become these. Raises
        PayloadError for others.
        """
        return {
            name: level.sent_of_finer(
                self._checked(name, codes), None if reference is None else reference[name]
            )
            for name, level in self._levels.items()
        }

    def pack(self, frame: Frame, reference: Frame | None = None) -> dict[str, bytes]:
        """A frame to payloads by tensor; with a reference of the same shapes, to its differences from
        that.
        """
        return {
            name: level.encode(frame[name], None if reference is None else reference[name])
            for name, level in self._levels.items()
        }

    def unpack(self, payloads: Mapping[str, bytes], tiles: int = 1, reference: Frame | None = None) -> Frame:
        """Payloads to a frame. Raises PayloadError or TooLarge for bytes that are not ours, or of another
        reference's shape.
        """
        check_names(self._spec, payloads)
        if reference is not None and set(reference) != set(payloads):
            raise PayloadError("the reference is of another cut; send a key frame")
        return {
            tensor.codes.name: self._unpack(tensor, payloads, tiles, reference)
            for tensor in self._spec.tensors
        }

    def tensors(self, frame: Frame) -> dict[str, Floats]:
        """A frame to boundary tensors (tiles * tokens, width)."""
        levels = self._levels
        made = {
            name: self._syntheses[name](levels[name].coordinates(sent), levels[name].step)
            for name, sent in frame.items()
        }
        return {name: np.concatenate(tensor) for name, tensor in made.items()}

    def _unpack(
        self, tensor: pb.CodedTensor, payloads: Mapping[str, bytes], tiles: int, reference: Frame | None
    ) -> Sent:
        name = tensor.codes.name
        check_length(tensor, payloads[name], tiles)
        return self._levels[name].decode(
            payloads[name], tiles, None if reference is None else reference[name]
        )

    def _checked(self, name: str, codes: Mapping[str, Codes]) -> Codes:
        array, shape = codes[name], self._levels[name].which.shape
        if not tiled(array.shape, shape) or array.dtype != np.int16:
            spec = next(tensor.codes for tensor in self._spec.tensors if tensor.codes.name == name)
            raise PayloadError(
                f"tensor {name!r} is {array.dtype} {array.shape}, the manifest says {words(spec)}"
            )
        return array

    def _per_step(self, finer: int) -> Mapping[str, Floats]:
        return {
            f"per-step/{name}": np.array(finer / level.step, np.float32)
            for name, level in self._levels.items()
        }


class Learned(Fitted):
    """The fitted codec with a small network on each side: the encoder's nudges its codes, the receiver's adds
    to the tensors.
    """

    name = "learned"

    def _per_step(self, finer: int) -> Mapping[str, Floats]:
        """And how much finer the steps are than the level's, for a nudge is so many of the level's."""
        return {
            **super()._per_step(finer),
            **{f"finer/{name}": np.array(finer, np.float32) for name in self._levels},
        }


def read_level(stored: Stored, codec: str, tensor: str) -> Level:
    """A level as `Level.arrays` wrote it. Raises KeyError or ValueError."""
    low, size, flat = (
        stored[f"{codec}/{part}/{tensor}"].astype(np.int64) for part in ("low", "size", "frequency")
    )
    ends = np.cumsum(size)
    tables = rans.Tables(
        low.tolist(), [flat[end - count : end].tolist() for end, count in zip(ends, size, strict=True)]
    )
    which = stored[f"{codec}/which/{tensor}"].astype(np.int16)
    if which.ndim != 2 or which.min() < -1 or which.max() >= len(low):
        raise ValueError("a code without a table")
    return Level(
        float(finite(stored[f"{codec}/step/{tensor}"])),
        which,
        tables,
        _joints(stored, codec, tensor, len(low)),
    )


def _joints(stored: Stored, codec: str, tensor: str, count: int) -> list[JointTable | None]:
    """How each of so many tables is joined. Raises KeyError or ValueError."""
    if f"{codec}/members/{tensor}" not in stored:
        return []
    members, reach, flat = (
        stored[f"{codec}/{part}/{tensor}"].astype(np.int64).tolist() for part in ("members", "reach", "joint")
    )
    if len(members) != count:
        raise ValueError("joint tables for other tables")
    joints: list[JointTable | None] = []
    for number, most in zip(members, reach, strict=True):
        size = symbols(min(number, MAX), min(most, MAX)) if number > 1 else 0
        joints.append(JointTable(number, most, flat[:size]) if size else None)
        flat = flat[size:]
    return joints


def read_synthesis(stored: Stored, tensor: str) -> Synthesis:
    """A synthesis as `Synthesis.arrays` wrote it. Raises KeyError or ValueError."""
    parts = {name: finite(stored[f"{name}/{tensor}"]) for name in _SYNTHESIS if f"{name}/{tensor}" in stored}
    order = stored.get(f"order/{tensor}")
    grouping = None if order is None else Grouping(order.astype(np.int64))
    return Synthesis(parts["basis"], parts["mean"], parts.get("turn"), grouping, Refiner.of(parts))


def finite(table: NDArray[np.generic]) -> Floats:
    """A table of numbers as float32. Raises ValueError unless all are finite."""
    values = table.astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("a number that is not finite")
    return values
