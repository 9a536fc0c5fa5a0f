"""A cloud that a device may ask, among several or alone."""

from collections.abc import Iterable
from dataclasses import dataclass

from edge.link.client import WatchingCloud
from edge.link.link import Link
from protos.errors import RequestError


@dataclass(frozen=True)
class Endpoint:
    """What is asked, and what is known of the way to it. `name` is empty where it is the only one."""

    client: WatchingCloud
    link: Link
    name: str = ""


def by_name(endpoints: Iterable[Endpoint]) -> dict[str, Endpoint]:
    """Raises RequestError where two have one name."""
    named: dict[str, Endpoint] = {}
    for endpoint in endpoints:
        if endpoint.name in named:
            raise RequestError(f"two clouds are called {endpoint.name!r}; give each its own name")
        named[endpoint.name] = endpoint
    return named
