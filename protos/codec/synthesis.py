"""How what was sent of a tensor becomes the tensor again."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from protos.arrays import Floats
from protos.codec.interface import Stored, finite
from protos.codec.refiner import Refiner
from protos.codec.token_groups import Grouping

_ARRAYS = ("basis", "mean", "turn", *(field.name for field in fields(Refiner)))


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


def read_synthesis(stored: Stored, tensor: str) -> Synthesis:
    """A synthesis as `Synthesis.arrays` wrote it. Raises KeyError or ValueError."""
    parts = {name: finite(stored[f"{name}/{tensor}"]) for name in _ARRAYS if f"{name}/{tensor}" in stored}
    order = stored.get(f"order/{tensor}")
    grouping = None if order is None else Grouping(order.astype(np.int64))
    return Synthesis(parts["basis"], parts["mean"], parts.get("turn"), grouping, Refiner.of(parts))
