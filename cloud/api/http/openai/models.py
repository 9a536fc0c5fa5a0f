"""`GET /v1/models`: the bundles that are served, by the names of their models."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from cloud.models.served_models import ServedModel, ServedModels
from protos.errors import did_you_mean
from protos.http.openai.models import entries, entry
from protos.http.refusals import NO_MODEL, Refused

_SHOWN_DIGITS = 12  # of a digest


class Models:
    """A model is called as its manifest says; of several that are called alike, `NAME@DIGEST` is one, and the
    name alone the one that is served longest: what is loaded beside it changes nothing for who asks by name.
    """

    def __init__(self, models: ServedModels) -> None:
        self._models = models

    def find(self, name: str) -> ServedModel:
        """Raises Refused."""
        named = self._by_name()
        if first := next((one for one in self._models if one.bundle.manifest.model == name), None):
            return first
        if name not in named:
            near, known = did_you_mean(name, list(named)), ", ".join(named)
            raise Refused(NO_MODEL, f"there is no model {name[:64]!r}{near}; choose one of: {known}", "model")
        return named[name]

    def listed(self) -> dict[str, Any]:
        """All of them."""
        return entries(self._by_name())

    def one(self, name: str) -> dict[str, Any]:
        """Raises Refused."""
        self.find(name)
        return entry(name)

    def _by_name(self) -> dict[str, ServedModel]:
        count = Counter(model.bundle.manifest.model for model in self._models)
        return {_name(model, count): model for model in self._models}


def _name(model: ServedModel, count: Mapping[str, int]) -> str:
    name = model.bundle.manifest.model
    return name if count[name] == 1 else f"{name}@{model.digest[:_SHOWN_DIGITS]}"
