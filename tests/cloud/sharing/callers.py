"""Callers of tests."""

from cloud.sharing.caller import Caller


def named(connection: str, address: str = "10.0.0.1") -> Caller:
    """A connection of an address."""
    return Caller(address, connection)
