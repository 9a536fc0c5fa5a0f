"""An operator of the controller, over its API."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from cloud.fleet.commands.calling import ControllerAccess
from protos.errors import CloudError

_SECONDS = 60.0
_LOOK_SECONDS = 0.1

Found = Mapping[str, Any]


class Operator:
    """Of the controller at an address."""

    def __init__(self, address: str) -> None:
        self._controller = ControllerAccess(address, timeout=_SECONDS)

    def get(self, path: str) -> Found:
        """Raises CloudError, and RequestError where it is refused."""
        return self._controller.ask("GET", path)

    def post(self, path: str, why: str, **body: Any) -> Found:
        """Raises as `get` does."""
        return self._controller.ask("POST", path, {"why": why, **body})

    def until(self, path: str, over: Callable[[Found], bool]) -> Found:
        """What is there once it is so. Raises CloudError where that takes longer than a minute."""
        ends = time.monotonic() + _SECONDS
        while time.monotonic() < ends:
            if over(found := self.get(path)):
                return found
            time.sleep(_LOOK_SECONDS)
        raise CloudError(f"the controller does not come to what it should at {path}: {str(found)[:500]}")
