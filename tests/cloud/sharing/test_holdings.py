"""Who has to give way."""

from cloud.sharing.caller import Caller
from cloud.sharing.holdings import Holdings


def holding(**units: int) -> Holdings:
    """Units by caller, `a1` a connection of the address a."""
    held = Holdings()
    for name, count in units.items():
        held.take(caller(name), count)
    return held


def caller(name: str) -> Caller:
    return Caller(name[0], name)


def test_the_greediest_is_of_the_address_that_holds_most() -> None:
    assert holding(a1=2, a2=3, b1=4).greediest() == caller("a2")


def test_who_gives_way_still_has_no_less_than_the_newcomer() -> None:
    held = holding(a1=3, b1=1, c1=2)
    assert held.gives_way(caller("a1"), caller("b1"))
    assert not held.gives_way(caller("a1"), caller("c1"))
    assert held.gives_way(caller("a1"), caller("c1"), idle=True)
    assert not held.gives_way(caller("c1"), caller("a1"), idle=True)


def test_addresses_are_compared_and_connections_of_one() -> None:
    held = holding(a1=1, a2=5, b1=3)
    assert held.gives_way(caller("a1"), caller("b1"))
    assert not held.gives_way(caller("a1"), caller("a2"))


def test_who_has_given_all_back_is_forgotten() -> None:
    held = holding(a1=2, b1=1)
    held.take(caller("a1"), -2)
    assert (held.total, held.of(caller("a1")), held.greediest()) == (1, 0, caller("b1"))
