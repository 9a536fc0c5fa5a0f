"""Names that an operator gives, as MQTT topics, metrics and file names take them."""

import platform
import re
from typing import Annotated

from msgspec import Meta

NAME = r"^[a-z0-9][a-z0-9_-]{0,62}$"
Name = Annotated[str, Meta(pattern=NAME)]


def machine_name() -> str:
    """The host name of this machine, as such a name."""
    found = re.sub(r"[^a-z0-9_-]+", "-", platform.node().lower()).strip("-_")[:63]
    return found or "device"
