import html
import re

import pytest

from bench.codec.report.chart import chart
from bench.codec.report.results import CodecResult
from tests.bench.codec.report.results import CAPTIONS, RESULTS, features, report


def marks(drawing: str) -> dict[str, str]:
    """The class of each mark, by the candidate that it stands for."""
    found = re.findall(r'<title>([^:]*):[^<]*</title><(?:circle|rect)[^>]*class="([^"]*)"', drawing)
    return {html.unescape(name): kind for name, kind in found}


def places(drawing: str) -> dict[str, float]:
    """How far right each disc lies."""
    return {
        name: float(x) for name, x in re.findall(r'<title>([^:]*):[^<]*</title><circle cx="([^"]*)"', drawing)
    }


def test_marks_that_pass_the_bar_are_filled() -> None:
    drawn = marks(chart(report(RESULTS)))
    assert set(drawn) == {result.name for result in RESULTS}
    filled = {name for name, kind in drawn.items() if kind.endswith("front")}
    assert filled == {
        "split@vision.2/fitted-1",
        "split@connector/fitted-1",
        "upload@avif-90",
        "upload@avif-50",
    }


def test_more_bytes_lie_further_right() -> None:
    found = places(chart(report(RESULTS)))
    assert (
        found["split@connector/fitted-2"]
        < found["split@connector/fitted-1"]
        < found["split@vision.2/fitted-1"]
    )


@pytest.mark.parametrize("results", [RESULTS, CAPTIONS])
def test_every_curve_has_its_name(results: list[CodecResult]) -> None:
    drawing = chart(report(results))
    assert all(f">{result.curve}</text>" in drawing for result in results)


def test_candidates_below_the_axis_are_left_out_and_so_is_a_curve_of_them_alone() -> None:
    hopeless = features("vision.9", 1, 50, all=-60.0, shape=-60.0, count=-60.0)
    drawing = chart(report([*RESULTS, hopeless]))
    assert hopeless.name not in marks(drawing)
    assert f">{hopeless.curve}</text>" not in drawing


def test_a_picture_of_hopeless_candidates_alone_is_still_drawn() -> None:
    assert "</svg>" in chart(report([features("vision.9", 1, 50, all=-60.0, shape=-60.0)]))
