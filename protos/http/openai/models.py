"""The entries that `GET /v1/models` lists."""

from collections.abc import Iterable
from typing import Any

OWNER = "isthmus"


def entry(name: str) -> dict[str, Any]:
    """A model as `GET /v1/models/{model}` tells it."""
    return {"id": name, "object": "model", "created": 0, "owned_by": OWNER}


def entries(names: Iterable[str]) -> dict[str, Any]:
    """The reply of `GET /v1/models`."""
    return {"object": "list", "data": [entry(name) for name in names]}
