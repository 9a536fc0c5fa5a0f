"""Regressions that are planted."""

from argparse import ArgumentTypeError

import pytest

from cloud.fleet.simulation.harms import Harm, parse_harm, together


def test_a_harm_says_where_it_is_and_what_it_does() -> None:
    harm = parse_harm("cut=vision.4,class=Raspberry Pi 5,p95=+20%,agreed=2%")
    assert harm == Harm(cut="vision.4", machine="Raspberry Pi 5", p95=0.2, agreed=0.02)
    assert harm.meets("split", "vision.4", "pca", "Raspberry Pi 5")
    assert not harm.meets("split", "connector", "pca", "Raspberry Pi 5")


def test_harms_add_up_and_may_be_blessings() -> None:
    both = together([parse_harm("p95=+20%"), parse_harm("p95=-5%,errors=1%")])
    assert both.p95 == pytest.approx(0.15)
    assert both.errors == pytest.approx(0.01)


@pytest.mark.parametrize("text", ["", "cut", "p95=20", "speed=20%", "p95=+20%,"])
def test_what_is_no_harm_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError):
        parse_harm(text)
