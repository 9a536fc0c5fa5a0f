"""Numbers on the command line."""

from argparse import ArgumentTypeError

import pytest

from protos.terminal.arguments import number, whole


def test_what_is_within_bounds_is_read() -> None:
    assert (whole()("7"), whole(0)("0"), number(0, 1)("0.5")) == (7, 0, 0.5)


@pytest.mark.parametrize("text", ["0", "-3", "1.5", "many", "", "1e3"])
def test_what_is_no_whole_number_within_bounds_is_told_them(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match=r"not a whole number|not at least 1"):
        whole()(text)


@pytest.mark.parametrize("text", ["-1", "101", "nan", "inf", "much", ""])
def test_what_is_no_number_within_bounds_is_told_them(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="not between 0 and 100 points"):
        number(0, 100, "points")(text)
