import html
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from protos.errors import RequestError
from splitter.planning.frame import drawn
from splitter.planning.page import page, save
from splitter.planning.svg import Box, LogAxis, free, spread
from tests.splitter.planning.plans import made


def test_the_page_escapes_what_the_bundle_says() -> None:
    text = page(made(), "<script>alert(1)</script>")
    assert "<script>" not in text
    assert html.escape("<script>alert(1)</script>") in text


def test_the_pictures_are_well_formed_and_name_every_drawn_choice() -> None:
    planned = made(deadline=500.0)
    pictures = [part.split("</svg>")[0] + "</svg>" for part in page(planned, "nano").split("<svg")[1:]]
    assert len(pictures) == 2
    for picture in pictures:
        words = {element.text for element in ET.fromstring("<svg" + picture).iter("text")}
        assert {option.name for option in drawn(planned)} <= words


def test_the_page_needs_nothing_from_elsewhere() -> None:
    text = page(made(), "nano")
    assert not [word for word in ("http://", "https://", "src=", "url(", "<link") if word in text]
    assert "prefers-color-scheme: dark" in text


def test_a_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    save(tmp_path / "new" / "plan.html", made(), "nano")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["plan.html"]
    (tmp_path / "taken").mkdir()
    with pytest.raises(RequestError, match="choose another place with --html"):
        save(tmp_path / "taken", made(), "nano")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "taken"]


def test_labels_keep_apart_and_inside() -> None:
    assert spread([10, 10, 11], 5, 0, 100) == [10, 15, 20]
    assert spread([99, 98, 97], 5, 0, 100) == [100, 95, 90]
    taken = [Box.around(60, 50, 80, 15)]
    found = free(10, 50, 60, taken, Box(0, 0, 200, 100))
    assert not found.covers(taken[0])


def test_an_axis_ends_at_round_numbers() -> None:
    axis = LogAxis.around([6.4, 470], 100, 0)
    assert (axis.low, axis.high, axis.at(5), axis.at(500)) == (5, 500, 100, 0)
    assert axis.ticks() == [5, 10, 20, 50, 100, 200, 500]
    assert LogAxis.around([1, 1], 0, 1).high > 1
