"""What a token or a certificate says of its bearer."""

from enum import IntEnum
from typing import NamedTuple

from protos.errors import RequestError

DEFAULT_TENANT = "default"
_MAX_NAME = 128  # characters


class Role(IntEnum):
    """What a caller may do; each may do what those before it may."""

    DEVICE = 1  # ask, watch, embed, describe
    VIEWER = 2  # see the fleet
    OPERATOR = 3  # reflection, metrics, and what is loaded; change the fleet's settings, and give it jobs
    ADMIN = 4  # load and unload bundles, and roll them out; roll settings out over a fleet

    @classmethod
    def of(cls, name: str) -> "Role":
        """Raises RequestError for a name that is none."""
        if name not in ROLES:
            raise RequestError(f"the role is none of: {', '.join(ROLES)}; give one of these")
        return cls[name.upper()]


ROLES = tuple(role.name.lower() for role in Role)


class Identity(NamedTuple):
    """A device of a tenant. Names are printable, without spaces; a tenant's holds no slash."""

    tenant: str
    device: str
    role: Role

    @classmethod
    def checked(cls, tenant: str, device: str, role: str) -> "Identity":
        """Raises RequestError for a name or a role that is none; the message does not quote it."""
        _check_name("tenant", tenant)
        _check_name("device", device)
        if "/" in tenant:
            raise RequestError("the name of the tenant has a slash in it; give one without")
        return cls(tenant, device, Role.of(role))


def _check_name(what: str, name: str) -> None:
    if not name or len(name) > _MAX_NAME or not name.isprintable() or any(map(str.isspace, name)):
        raise RequestError(
            f"the name of the {what} is not 1 to {_MAX_NAME} printable characters without spaces; give such "
            "a name"
        )
