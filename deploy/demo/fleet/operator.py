"""An operator of the controller, over its API."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from protos.errors import CloudError

_SECONDS = 60.0
_LOOK_SECONDS = 0.1

Found = Mapping[str, Any]


class Operator:
    """Of the controller at an address."""

    def __init__(self, address: str) -> None:
        self._api = f"{address}/api/v1"

    def get(self, path: str) -> Found:
        """Raises CloudError."""
        return self._asked("GET", path)

    def post(self, path: str, why: str, **body: Any) -> Found:
        """Raises CloudError where it is refused, too."""
        return self._asked("POST", path, {"why": why, **body})

    def until(self, path: str, over: Callable[[Found], bool]) -> Found:
        """What is there once it is so. Raises CloudError where that takes longer than a minute."""
        ends = time.monotonic() + _SECONDS
        while time.monotonic() < ends:
            if over(found := self.get(path)):
                return found
            time.sleep(_LOOK_SECONDS)
        raise CloudError(f"the controller does not come to what it should at {path}: {str(found)[:500]}")

    def _asked(self, method: str, path: str, body: Found | None = None) -> Found:
        try:
            reply = httpx.request(method, f"{self._api}/{path}", json=body, timeout=_SECONDS)
            found: Found = reply.raise_for_status().json()
        except httpx.HTTPStatusError as error:
            raise CloudError(f"the controller refuses: {error.response.text[:500]}") from error
        except httpx.HTTPError as error:
            raise CloudError(f"the controller does not answer ({error})") from error
        return found
