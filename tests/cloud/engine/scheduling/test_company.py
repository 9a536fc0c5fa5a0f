"""Which batches share their steps."""

import pytest

from cloud.engine.scheduling.company import worth_sharing
from tests.cloud.sharing.callers import named

FLOOD, HONEST, OTHER = named("flood"), named("honest"), named("other")


@pytest.mark.parametrize(("row", "shared"), [(0.0, True), (0.05, True), (0.1, False), (1.0, False)])
def test_one_row_joins_a_flood_where_its_tokens_come_no_later_than_by_turns(row: float, shared: bool) -> None:
    """A step takes 1 and so much for each row; by turns of two callers a token takes two steps alone."""
    assert worth_sharing([FLOOD] * 16, [HONEST], lambda rows: 1 + row * rows) is shared
    assert worth_sharing([HONEST], [FLOOD] * 16, lambda rows: 1 + row * rows) is shared


def test_callers_with_a_row_each_share_whatever_a_row_costs() -> None:
    assert worth_sharing([FLOOD, HONEST], [OTHER], float)


def test_a_callers_own_rows_always_share() -> None:
    assert worth_sharing([FLOOD] * 16, [FLOOD], lambda rows: None)


def test_who_has_rows_in_one_batch_only_is_protected() -> None:
    assert not worth_sharing([FLOOD] * 16, [FLOOD, HONEST], float)


def test_a_batch_stays_alone_until_it_was_measured() -> None:
    assert not worth_sharing([FLOOD], [HONEST], lambda rows: None)
