"""Regressions that are planted: what a change really does to devices, which the cost model does not know."""

from argparse import ArgumentTypeError
from collections.abc import Sequence
from typing import NamedTuple

from protos.errors import RequestError
from protos.terminal import units

_FIELDS = "cut=, codec=, route=, class= say where; p95=, bytes=, joules=, errors=, agreed=, silent= say what"


class Harm(NamedTuple):
    """`p95`, `bytes`, `joules`: by which part they grow; `errors`: more answers that fail, and `agreed`:
    fewer that are the whole model's, as parts of all; `silent`: part of the devices that tell nothing more.
    """

    cut: str = ""
    codec: str = ""
    route: str = ""
    machine: str = ""
    p95: float = 0.0
    bytes: float = 0.0
    joules: float = 0.0
    errors: float = 0.0
    agreed: float = 0.0
    silent: float = 0.0

    def meets(self, route: str, cut: str, codec: str, machine: str) -> bool:
        """Whether answers that go this way on this machine suffer it."""
        own = self.route, self.cut, self.codec, self.machine
        return all(mine in {"", told} for mine, told in zip(own, (route, cut, codec, machine), strict=True))


def parse_harm(text: str) -> Harm:
    """`cut=vision.4,p95=+20%`, as an argument's type."""
    found: dict[str, str | float] = {}
    for part in text.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals or not value:
            raise ArgumentTypeError(f"{part!r} is no harm; {_FIELDS}")
        if name in {"cut", "codec", "route"}:
            found[name] = value
        elif name == "class":
            found["machine"] = value
        elif name in {"p95", "bytes", "joules", "errors", "agreed", "silent"}:
            found[name] = _share(value)
        else:
            raise ArgumentTypeError(f"{name!r} is nothing that a harm has; {_FIELDS}")
    return Harm(**found)  # type: ignore[arg-type]


def _share(text: str) -> float:
    try:
        found = units.percent(text.removeprefix("+").removeprefix("-"))
    except RequestError as error:
        raise ArgumentTypeError(str(error)) from None
    return (-found if text.startswith("-") else found) / 100


def together(harms: Sequence[Harm]) -> Harm:
    """All that answers suffer."""
    fields = {name: sum(getattr(harm, name) for harm in harms) for name in Harm._fields[4:]}
    return Harm(**fields)
