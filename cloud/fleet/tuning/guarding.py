"""The guards that a rollout of a recommendation needs: what it knowingly worsens is no harm."""

from collections.abc import Mapping
from math import ceil
from typing import Any

from cloud.fleet.rollout.plan import Guards
from cloud.fleet.tuning.intervals import Replicates

_USUAL = Guards()
_MOST = 0.9
_OF = {"p95": "p95", "energy": "joules", "bytes": "bytes"}


def guards_for(change: Mapping[str, Any], today: Mapping[str, Replicates]) -> dict[str, float | None]:
    """Bounds that differ from the usual ones: those, and what is foreseen at worst on top. None: the guard is
    off, since it would have to allow more than there may be.
    """
    found: dict[str, float | None] = {}
    for guard, measure in _OF.items():
        told, now = change[measure], today[measure].value
        if told and now > 0 and (worse := told["high"] / now) > 0:
            found[guard] = _bound(
                getattr(_USUAL, guard) + (worse if guard != "energy" else worse / (1 + worse))
            )
    lost = -change["accuracy"]["low"] / 100 if change["accuracy"] else 0.0
    if lost > 0:
        found["accuracy"] = _bound((_USUAL.accuracy or 0.0) + lost)
    usual = {name: getattr(_USUAL, name) for name in found}
    return {name: bound for name, bound in found.items() if bound is None or bound > usual[name]}


def _bound(share: float) -> float | None:
    return None if share > _MOST else ceil(1000 * share) / 1000
