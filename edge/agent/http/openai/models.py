"""The models that `GET /v1/models` lists: the ways to answer that the bundle offers, by their names."""

from typing import Any

from protos.arms import arms_of, check_route
from protos.arms.rules import AUTO
from protos.bundle import Bundle
from protos.errors import UnknownName, did_you_mean
from protos.http.openai.models import OWNER, entries, entry
from protos.http.refusals import NO_MODEL, Refused

_PREFIX = f"{OWNER}/"


class ModelsEndpoint:
    """`isthmus/auto` is the policy left free, the others force a way. `remote`: there is a cloud."""

    def __init__(self, bundle: Bundle, *, remote: bool) -> None:
        self._bundle = bundle
        arms = arms_of(bundle.manifest, bundle.measurements, remote=remote)
        kinds = dict.fromkeys(arm.kind for arm in arms)
        self._kinds = set(kinds)
        placed = [f"split@{cut}" for cut in dict.fromkeys(_cut(arm.name) for arm in arms) if cut]
        self._routes = [AUTO, *kinds, *placed]

    def route(self, model: str) -> str:
        """The route that a model's name stands for. Raises Refused."""
        route = model.removeprefix(_PREFIX)
        kind = route.partition("@")[0]
        if not model.startswith(_PREFIX) or (kind != AUTO and kind not in self._kinds):
            raise self._unknown(model)
        try:
            check_route(route, self._bundle.manifest, self._bundle.measurements)
        except UnknownName as error:
            raise Refused(NO_MODEL, str(error), "model") from error
        return route

    def listed(self) -> dict[str, Any]:
        """The answer to `GET /v1/models`."""
        return entries(f"{_PREFIX}{route}" for route in self._routes)

    def one(self, model: str) -> dict[str, Any]:
        """The answer to `GET /v1/models/{model}`. Raises Refused."""
        return entry(f"{_PREFIX}{self.route(model)}")

    def _unknown(self, model: str) -> Refused:
        names = [f"{_PREFIX}{route}" for route in self._routes]
        words = (
            f"there is no model {model[:64]!r}{did_you_mean(model, names)}; choose one of: {', '.join(names)}"
        )
        return Refused(NO_MODEL, words, "model")


def _cut(arm: str) -> str:
    kind, _, place = arm.partition("@")
    return place.partition("/")[0] if kind == "split" else ""
