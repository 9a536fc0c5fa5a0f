"""The stylesheet's colours can be told from their ground (WCAG 2.2: 4.5 to 1 for text, 3 to 1 for marks)."""

import re

import pytest

from protos.pages.document import STYLE

TEXT = ("ink", "soft", "accent", "right", "wrong")
MARKS = ("split", "upload", "local", "auto", *(f"c{index}" for index in range(6)))


def themes() -> list[dict[str, str]]:
    """The colours in light and in dark."""
    return [dict(re.findall(r"--([\w]+): (#[0-9a-f]{6})", block)) for block in STYLE.split(":root")[1:3]]


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", themes(), ids=("light", "dark"))
def test_colours_can_be_told_from_the_paper(theme: dict[str, str]) -> None:
    assert set(theme) >= {*TEXT, *MARKS, "paper"}
    weak = {name for name in TEXT if contrast(theme[name], theme["paper"]) < 4.5}
    weak |= {name for name in MARKS if contrast(theme[name], theme["paper"]) < 3}
    assert not weak


def test_black_and_white_are_as_far_apart_as_can_be() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


def test_every_colour_that_is_used_is_defined() -> None:
    light, dark = themes()
    assert set(light) == set(dark)
    assert set(re.findall(r"var\(--([a-z0-9]+)\)", STYLE)) <= {*light, "c", "shadow"}
