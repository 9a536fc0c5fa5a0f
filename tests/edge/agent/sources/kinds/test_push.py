"""Pictures that are pushed to a source."""

import numpy as np
import pytest

from edge.agent.sources.kinds.push import PushSource
from edge.agent.sources.opening import Inboxes, Opening
from protos.errors import UnknownName


def test_pictures_come_in_order_until_the_inbox_is_full() -> None:
    inboxes, source = Inboxes(), PushSource(name="door", queue=2)
    with source.open(Opening(inboxes)) as opened:
        pictures = [np.full((4, 4, 3), level, np.uint8) for level in range(3)]
        assert [inboxes.push("door", picture) for picture in pictures] == [True, True, False]
        shots = opened.shots()
        assert [int(next(shots)()[0, 0, 0]) for _ in range(2)] == [0, 1]


def test_a_picture_that_nobody_wanted_waits_for_the_source_to_be_opened_again() -> None:
    inboxes, source = Inboxes(), PushSource(name="door")
    with source.open(Opening(inboxes)) as opened:
        assert inboxes.push("door", np.full((4, 4, 3), 7, np.uint8))
        next(opened.shots())
    with source.open(Opening(inboxes)) as opened:
        assert int(next(opened.shots())()[0, 0, 0]) == 7


def test_nothing_is_pushed_to_a_source_that_is_gone_or_of_another_kind() -> None:
    inboxes, picture = Inboxes(), np.zeros((4, 4, 3), np.uint8)
    inboxes.keep({"door": 1})
    assert inboxes.push("door", picture)
    with pytest.raises(UnknownName, match="'dor'"):
        inboxes.push("dor", picture)
    inboxes.keep({"gate": 1})
    with pytest.raises(UnknownName):
        inboxes.push("door", picture)
    inboxes.keep({"door": 1})
    assert inboxes.push("door", picture), "what waited is forgotten"


def test_closing_ends_it() -> None:
    opening = Opening(Inboxes())
    with PushSource(name="door").open(opening) as opened:
        opening.closing.set()
        assert list(opened.shots()) == []
