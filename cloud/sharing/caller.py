"""The caller: the unit that work and room are shared by."""

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from ipaddress import IPv6Address, ip_network
from typing import NamedTuple
from urllib.parse import unquote

_IPV6_PREFIX = 64  # bits; whoever has one address of such a network has all of them


class Caller(NamedTuple):
    """An address, and a connection of it. What is shared is shared by address, and what an address gets by
    connection.

    The address comes first because connections cost a stranger nothing: who opens a thousand gets no more
    than who opens one. The connection comes second because behind a proxy all callers have one address. Where
    callers are known, a tenant takes the place of the address, and a device that of the connection.
    """

    address: str
    connection: str

    @property
    def device(self) -> str:
        """What stays the same over a device's connections, as far as it is known."""
        return self.address

    def owner(self, secret: bytes) -> str:
        """Whose frames and answers are kept by such a secret, as a hash."""
        return hashlib.sha256(secret).hexdigest()


class KnownCaller(Caller):
    """A device of a tenant that proved who it is, whatever connections it has."""

    __slots__ = ()

    @classmethod
    def of(cls, tenant: str, device: str) -> "KnownCaller":
        """The tenant has no slash in its name, and no address begins as these do."""
        return cls(f"tenant:{tenant}", f"{tenant}/{device}")

    @property
    def device(self) -> str:
        return self.connection

    def owner(self, secret: bytes) -> str:
        """What a device has sent is the device's own, whatever its secret: a process that is started anew
        finds it.
        """
        del secret
        return hashlib.sha256(self.connection.encode()).hexdigest()


NOBODY = Caller("", "")


def level_of(callers: Iterable[Caller]) -> int:
    """How many fields of a caller tell those apart who share among these: addresses, or where there is one,
    its connections.
    """
    return 1 if len({caller.address for caller in callers}) > 1 else len(Caller._fields)


@lru_cache(4096)
def caller_of(peer: str) -> Caller:
    """The caller at a peer as gRPC names it: `ipv4:10.0.0.1:4711`, `ipv6:[::1]:4711`, `unix:/a/socket`."""
    kind, _, place = unquote(peer).partition(":")
    if kind not in {"ipv4", "ipv6"}:
        return Caller(kind, peer)
    host = place.rpartition(":")[0].strip("[]")
    return Caller(_network(host) if kind == "ipv6" else host, peer)


def _network(host: str) -> str:
    with suppress(ValueError):
        address = IPv6Address(host)
        mapped = address.ipv4_mapped
        return str(mapped or ip_network((int(address), _IPV6_PREFIX), strict=False))
    return host
