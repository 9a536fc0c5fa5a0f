"""Every attacker by its name, found by the files of `kinds`."""

from bench.attack import kinds
from bench.attack.attacker import Attacker
from protos.registry import classes_of


def attackers() -> dict[str, type[Attacker]]:
    """In order of their files and names; those of `kinds/control.py` are none and come first."""
    found = classes_of(kinds, Attacker)  # type: ignore[type-abstract]
    return {one.name: one for one in found}
