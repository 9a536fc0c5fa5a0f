import re
from dataclasses import replace
from html import unescape
from xml.etree import ElementTree as ET

import pytest

from bench.codec.report.chart import panels
from bench.codec.report.curves import quality_axis, rival_curves
from bench.codec.report.results import CodecResult
from tests.bench.codec.report.results import CAPTIONS, RESULTS, features, report, upload

RIVALS = ("JPEG", "WebP", "AVIF")


def marks(drawing: str) -> dict[str, ET.Element]:
    """Each mark by the candidate that it stands for."""
    found = {}
    for group in ET.fromstring(drawing).iter("g"):
        name = (group.findtext("title") or "").partition(":")[0]
        found[name] = group[1]
    return found


def place(mark: ET.Element) -> tuple[float, float]:
    """Where a mark lies: a disc's middle, the first corner of another."""
    if mark.tag == "circle":
        return float(mark.attrib["cx"]), float(mark.attrib["cy"])
    x, y = re.findall(r"[\d.]+", mark.attrib["d"])[:2]
    return float(x), float(y)


def test_there_is_a_panel_for_each_cut_and_every_format_is_in_each() -> None:
    webp = upload("webp", 50, 900, all=-0.1, shape=0.0, count=0.0)
    drawn = panels(report([*RESULTS, webp]))
    assert list(drawn) == ["vision.2", "connector"]
    assert all(f">{name}</text>" in drawing for drawing in drawn.values() for name in (*RIVALS, "fitted"))


def test_a_codec_looks_the_same_at_every_cut() -> None:
    learned = replace(features("connector", 1, 50, all=-1.0, shape=0.0, count=0.0), curve="connector learned")
    other = replace(learned, name="split@connector/learned-2", bare=40)
    drawn = panels(report([replace(learned, name="split@connector/learned-1"), other, *RESULTS]))
    first, second = (marks(drawn[cut])[f"split@{cut}/fitted-1"] for cut in ("vision.2", "connector"))
    assert first.attrib["class"] == second.attrib["class"]
    learned_mark = marks(drawn["connector"])["split@connector/learned-2"]
    assert learned_mark.attrib["class"].split()[1] != first.attrib["class"].split()[1]


def test_marks_that_pass_the_bar_are_filled() -> None:
    drawn = {**marks(panels(report(RESULTS))["vision.2"]), **marks(panels(report(RESULTS))["connector"])}
    filled = {name for name, mark in drawn.items() if "hollow" not in mark.attrib["class"]}
    assert filled == {
        "split@vision.2/fitted-1",
        "split@connector/fitted-1",
        "upload@avif-90",
        "upload@avif-50",
    }


def test_more_bytes_lie_further_right_and_better_lies_higher() -> None:
    drawn = marks(panels(report(RESULTS))["connector"])
    cheap, dear = (place(drawn[f"split@connector/fitted-{level}"]) for level in (2, 1))
    assert cheap[0] < dear[0]
    assert cheap[1] > dear[1]


def test_of_likelihood_less_is_better_and_lies_higher() -> None:
    drawn = marks(panels(report(CAPTIONS))["connector"])
    good, bad = (place(drawn[f"split@connector/fitted-{level}"]) for level in (1, 2))
    assert good[1] < bad[1]


@pytest.mark.parametrize(("results", "words"), [(RESULTS, "\u22122"), (CAPTIONS, "+0.02")])
def test_ticks_say_the_change_as_the_metric_has_it(results: list[CodecResult], words: str) -> None:
    assert quality_axis(report(results)).written(-2.0 if results is RESULTS else -0.02) == words


def test_intervals_are_a_band_around_features_and_whiskers_at_pictures() -> None:
    drawing = panels(report(RESULTS))["connector"]
    assert drawing.count('class="band ') == 1
    assert drawing.count('class="whisker ') == sum(
        len(curve.results) for curve in rival_curves(report(RESULTS))
    )


def test_a_format_has_one_curve_at_its_best_scales_and_keeps_what_wins() -> None:
    small = upload("avif x0.5", 90, 700, all=-6.0, shape=-9.0, count=0.0)
    beaten = upload("avif x0.5", 95, 2000, all=-3.0, shape=-9.0, count=0.0)
    (avif,) = (c for c in rival_curves(report([*RESULTS, small, beaten])) if c.name == "avif")
    assert [result.bare for result in avif.results] == [700, 1000, 4000]


def test_candidates_below_the_axis_are_left_out_and_so_is_a_curve_of_them_alone() -> None:
    hopeless = features("vision.9", 1, 50, all=-60.0, shape=-60.0, count=-60.0)
    drawing = panels(report([*RESULTS, hopeless]))["vision.9"]
    assert hopeless.name not in marks(drawing)
    assert ">fitted</text>" not in drawing
    assert ">AVIF</text>" in drawing


def test_a_picture_of_hopeless_candidates_alone_is_still_drawn() -> None:
    drawn = panels(report([features("vision.9", 1, 50, all=-60.0, shape=-60.0)]))
    assert ET.fromstring(drawn["vision.9"]) is not None


def test_a_panel_says_in_words_who_wins() -> None:
    words = ET.fromstring(panels(report(RESULTS))["connector"]).findtext("desc") or ""
    assert "the cheapest features are split@connector/fitted-1" in unescape(words)
