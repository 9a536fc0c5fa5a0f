"""How codecs of one kind are fitted to a cut, and the registry that finds them by name."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

from protos.codec import check_kind
from protos.errors import UnknownName
from protos.registry import class_named, names_of
from splitter.codecs import kinds
from splitter.codecs.arrays import Tensors
from splitter.codecs.coding import Coding
from splitter.codecs.fitting import Transform
from splitter.codecs.levels import Weighing, fitted_transforms
from splitter.codecs.tail_from import CutTail
from splitter.storage.parts import Parts


@dataclass(frozen=True)
class Learning:
    """What a codec that is trained needs besides.

    `further`: the boundary of other pictures, some at a time, without end. `parts` keeps what an interrupted
    run has learned; `say` is told of each step, `advance` of (step, done, of).
    """

    further: Iterable[Tensors]
    seconds: float  # that training this cut's codec may take
    parts: Parts
    say: Callable[[str], None]
    advance: Callable[[str, int, int], None]


@dataclass(frozen=True)
class Calibration:
    """What the codecs of one cut are fitted on.

    `boundary`: of the calibration pictures, (pictures, tokens, width) by tensor name. `weighed`: how each
    tensor is taken, and what its errors cost the tail. `learning`: None where nothing may be trained now.
    """

    boundary: Tensors
    weighed: Weighing = field(default_factory=dict)
    tail: CutTail | None = None
    learning: Learning | None = None

    @cached_property
    def transforms(self) -> dict[str, Transform]:
        """The fitted codec's transform of each tensor."""
        return fitted_transforms(self.boundary, self.weighed)


class CodecKind(ABC):
    """One kind of codec."""

    name: ClassVar[str]
    rank: ClassVar[int] = 9  # where a bundle lists its codecs
    requires: ClassVar[tuple[str, ...]] = ()  # kinds that come with it
    weighs: ClassVar[bool] = False  # whether it is fitted by what errors cost the tail

    @classmethod
    def misfit(cls, boundary: Tensors) -> str:
        """Why this kind cannot carry such a boundary, whatever is fitted; empty where it can."""
        del boundary
        return ""

    @classmethod
    @abstractmethod
    def fit(cls, calibration: Calibration) -> Sequence[Coding]:
        """The codecs of this kind for a cut; none where they do not help."""


def codec_kinds(names: Iterable[str]) -> list[type[CodecKind]]:
    """The kinds of these names and those that come with them, in a bundle's order. Raises UnknownName."""
    wanted = {name: _kind(name) for name in names}
    for kind in list(wanted.values()):
        wanted |= {name: _kind(name) for name in kind.requires}
    return sorted(wanted.values(), key=lambda kind: kind.rank)


def _kind(name: str) -> type[CodecKind]:
    check_kind(name)
    if name not in names_of(kinds):
        raise UnknownName("codec to fit", name, names_of(kinds))
    return class_named(kinds, CodecKind, name)  # type: ignore[type-abstract]
