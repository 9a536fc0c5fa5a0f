"""No caller with work is served less than its share."""

from contextlib import ExitStack

from hypothesis import given
from hypothesis import strategies as st

from cloud.sharing import shares as module
from cloud.sharing.caller import Caller
from cloud.sharing.shares import CREDIT, Shares
from tests.cloud.sharing.callers import named

COSTS = st.lists(st.floats(0.001, 3.0), min_size=1, max_size=8)


def served(shares: Shares, costs: dict[Caller, list[float]], turns: int) -> dict[Caller, float]:
    """What each was served, where all have work all the time, each turn costing what is next of its costs."""
    total, taken = dict.fromkeys(costs, 0.0), dict.fromkeys(costs, 0)
    with ExitStack() as stack:
        for caller in costs:
            stack.enter_context(shares.active(caller))
        for _ in range(turns):
            caller = min(costs, key=shares.rank)
            cost = costs[caller][taken[caller] % len(costs[caller])]
            taken[caller] += 1
            total[caller] += cost
            shares.charge(caller, cost)
    return total


@given(st.lists(COSTS, min_size=2, max_size=6), st.integers(1, 200))
def test_callers_who_have_work_are_served_alike_but_for_one_request(
    costs: list[list[float]], turns: int
) -> None:
    by_caller = {named(str(number)): own for number, own in enumerate(costs)}
    total = served(Shares(), by_caller, turns)
    assert max(total.values()) - min(total.values()) <= max(map(max, costs)) + 1e-6


@given(st.lists(COSTS, min_size=1, max_size=6), COSTS, st.integers(1, 200))
def test_an_address_of_many_connections_is_served_as_one_of_one(
    many: list[list[float]], one: list[float], turns: int
) -> None:
    alone = named("alone", address="10.0.0.2")
    costs = {named(str(number)): own for number, own in enumerate(many)} | {alone: one}
    total = served(Shares(), costs, turns)
    together = sum(own for caller, own in total.items() if caller != alone)
    assert abs(together - total[alone]) <= max(map(max, costs.values())) + 1e-6


@given(st.lists(COSTS, min_size=2, max_size=6))
def test_nobody_starves(costs: list[list[float]]) -> None:
    by_caller = {named(str(number)): own for number, own in enumerate(costs)}
    turns = sum(1 + int(max(map(max, costs)) / min(own)) for own in costs)
    assert all(served(Shares(), by_caller, turns).values())


@given(st.floats(0.0, 100.0), st.floats(0.0, 100.0))
def test_who_was_away_catches_up_on_a_credit_at_most(before: float, meanwhile: float) -> None:
    shares, stays, leaves = Shares(), named("stays"), named("leaves")
    with shares.active(stays):
        with shares.active(leaves):
            shares.charge(leaves, before)
        shares.charge(stays, meanwhile)
        with shares.active(leaves):
            lead = shares.lead(leaves, stays)
    assert lead <= CREDIT + 1e-6
    assert lead >= min(CREDIT, meanwhile - before) - 1e-6  # and nobody loses what they were owed of that


def test_who_was_never_here_begins_as_who_was_served_least() -> None:
    shares, greedy, modest = Shares(), named("greedy"), named("modest")
    with shares.active(greedy), shares.active(modest):
        shares.charge(greedy, 9.0)
        shares.charge(modest, 2.0)
        with shares.active(named("new")):
            assert shares.lead(named("new"), modest) == 0.0


def test_what_was_spent_is_not_forgotten_by_leaving() -> None:
    shares, honest, greedy = Shares(), named("honest"), named("greedy")
    with shares.active(honest):
        with shares.active(greedy):
            shares.charge(greedy, 5.0)
        with shares.active(greedy):
            assert shares.lead(honest, greedy) == 5.0


def test_of_many_who_are_away_few_are_remembered() -> None:
    shares = Shares()
    for number in range(5 * module._MAX_KNOWN):
        with shares.active(named("only", address=str(number))):
            pass
    assert len(shares._connections) <= 2 * module._MAX_KNOWN + 1
    assert len(shares._addresses.served) <= module._MAX_KNOWN + 1
