import html
import re
from pathlib import Path

import pytest

from bench.codec.chart import chart
from bench.codec.outcome import Outcome
from bench.codec.page import page, save
from bench.codec.rows import Row
from bench.codec.times import Times
from bench.rig.machine import Setting
from protos.errors import RequestError
from tests.bench.codec.rows import features
from tests.bench.codec.test_verdict import CAPTIONS, ROWS

SETTING = Setting("a machine", ["avx2"], 2, 1, 15, {"torch": "2"}, 0.5)


def outcome(rows: list[Row]) -> Outcome:
    whole = {name: figure.value - figure.change for name, figure in rows[0].figures.items()}
    times = {row.name: Times(0.5, 0.25) for row in rows}
    return Outcome(
        "a <model>",
        "0" * 64,
        "int8",
        "nano",
        {"pictures": 4, "questions": 9, "captions": 0},
        whole,
        rows,
        times,
        SETTING,
    )


def marks(drawing: str) -> dict[str, str]:
    """The class of each mark, by the way it stands for."""
    found = re.findall(r'<title>([^:]*):[^<]*</title><(?:circle|rect)[^>]*class="([^"]*)"', drawing)
    return {html.unescape(name): kind for name, kind in found}


def places(drawing: str) -> dict[str, float]:
    """How far right each disc lies."""
    return {
        name: float(x) for name, x in re.findall(r'<title>([^:]*):[^<]*</title><circle cx="([^"]*)"', drawing)
    }


def test_marks_that_pass_the_bar_are_filled() -> None:
    drawn = marks(chart(outcome(ROWS)))
    assert set(drawn) == {row.name for row in ROWS}
    filled = {name for name, kind in drawn.items() if kind.endswith("front")}
    assert filled == {
        "split@vision.2/fitted-1",
        "split@connector/fitted-1",
        "upload@avif-90",
        "upload@avif-50",
    }


def test_more_bytes_lie_further_right() -> None:
    found = places(chart(outcome(ROWS)))
    assert (
        found["split@connector/fitted-2"]
        < found["split@connector/fitted-1"]
        < found["split@vision.2/fitted-1"]
    )


@pytest.mark.parametrize("rows", [ROWS, CAPTIONS])
def test_every_curve_has_its_name(rows: list[Row]) -> None:
    drawing = chart(outcome(rows))
    assert all(f">{row.curve}</text>" in drawing for row in rows)


def test_ways_below_the_axis_are_left_out_and_so_is_a_curve_of_them_alone() -> None:
    hopeless = features("vision.9", 1, 50, all=-60.0, shape=-60.0, count=-60.0)
    drawing = chart(outcome([*ROWS, hopeless]))
    assert hopeless.name not in marks(drawing)
    assert f">{hopeless.curve}</text>" not in drawing


def test_a_picture_of_hopeless_ways_alone_is_still_drawn() -> None:
    assert "</svg>" in chart(outcome([features("vision.9", 1, 50, all=-60.0, shape=-60.0)]))


def test_a_page_holds_verdict_picture_and_tables_and_its_text_is_escaped() -> None:
    made = page(outcome(ROWS))
    assert "a &lt;model&gt;: features against pictures" in made
    assert "a <model>" not in made
    assert outcome(ROWS).sentences[0] in html.unescape(made)
    assert made.count("<table>") == 2


def test_a_page_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    save(tmp_path / "new" / "codec.html", outcome(CAPTIONS))
    assert "NLL at most +0.01" in (tmp_path / "new" / "codec.html").read_text()
    (tmp_path / "taken").mkdir()
    with pytest.raises(RequestError, match="cannot be written"):
        save(tmp_path / "taken", outcome(ROWS))
