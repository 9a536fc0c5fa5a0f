"""One rate of one tensor: which codes are sent, at which step, with which tables."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from protos.arrays import Floats
from protos.codec import rans
from protos.codec.inter_frame import InterFrameCoder, held, rounded
from protos.codec.interface import Stored, finite
from protos.codec.payload import Codes, Sent
from protos.codec.symbol_groups import MAX, JointTable, SymbolGroups, symbols
from protos.errors import PayloadError


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
