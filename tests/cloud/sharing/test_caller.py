"""The unit of sharing, from a connection's peer."""

import pytest

from cloud.sharing.caller import Caller, caller_of


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:10.0.0.1:4711", "10.0.0.1"),
        ("ipv6:[2001:db8::1]:4711", "2001:db8::/64"),
        ("ipv6:%5B2001:db8::ff%5D:4712", "2001:db8::/64"),
        ("ipv6:[::ffff:10.0.0.1]:4711", "10.0.0.1"),
        ("ipv6:[fe80::1%25eth0]:4711", "fe80::/64"),
        ("unix:/run/isthmus", "unix"),
        ("", ""),
    ],
)
def test_a_peer_is_a_connection_of_an_address(peer: str, address: str) -> None:
    assert caller_of(peer) == Caller(address, peer)
