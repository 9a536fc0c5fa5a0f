"""`GET /v1/models`: the bundles that are served, by the names of their models."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from cloud.models.dual_encoder import DualEncoder
from cloud.models.tail import Tail
from protos.errors import did_you_mean
from protos.http.openai.models import entries, entry
from protos.http.refusals import NO_MODEL, Refused

_SHOWN_DIGITS = 12  # of a digest


class Models:
    """A model is called as its manifest says; of several that are called alike, `NAME@DIGEST` is one."""

    def __init__(self, tails: Mapping[str, Tail | DualEncoder]) -> None:
        self._tails = tails

    def find(self, name: str) -> Tail | DualEncoder:
        """Raises Refused."""
        named = self._by_name()
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

    def _by_name(self) -> dict[str, Tail | DualEncoder]:
        count = Counter(tail.bundle.manifest.model for tail in self._tails.values())
        return {_name(digest, tail, count): tail for digest, tail in self._tails.items()}


def _name(digest: str, tail: Tail | DualEncoder, count: Mapping[str, int]) -> str:
    model = tail.bundle.manifest.model
    return model if count[model] == 1 else f"{model}@{digest[:_SHOWN_DIGITS]}"
