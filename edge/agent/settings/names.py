"""Names that an operator gives, as MQTT topics, metrics and file names take them."""

import platform
import re
from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from protos.errors import RequestError
from protos.fleet.topics import NAME

Name = Annotated[str, Meta(pattern=NAME)]


def machine_name() -> str:
    """The host name of this machine, as such a name."""
    found = re.sub(r"[^a-z0-9_-]+", "-", platform.node().lower()).strip("-_")[:63]
    return found or "device"


def check_names(what: str, names: Sequence[str]) -> None:
    """Raises RequestError where one is the name of two; `what` says of what."""
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise RequestError(f"{what}: {twice[0]!r} is the name of two; give each its own")
