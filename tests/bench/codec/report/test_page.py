from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from bench.codec.report.page import foremost_results, page, save
from bench.codec.report.report import CodecReport
from bench.codec.report.results import CodecResult
from protos.errors import RequestError
from protos.pages.document import document
from protos.pages.markup import join
from tests.bench.codec.report.results import CAPTIONS, RESULTS, features, report
from tests.pages import HOSTILE, checked


def markup(of: CodecReport) -> str:
    return document(page(of), join(()))


@pytest.mark.parametrize("results", [RESULTS, CAPTIONS])
def test_the_page_keeps_the_rules_of_every_page(results: list[CodecResult]) -> None:
    checked(markup(report(results)))


def test_the_verdict_stands_first() -> None:
    text = unescape(markup(report(RESULTS)))
    assert text.index(report(RESULTS).sentences[0][1:]) < text.index("<section")


def test_hostile_text_stays_text() -> None:
    hostile = replace(report(RESULTS), model=HOSTILE, data=HOSTILE)
    assert HOSTILE in checked(markup(hostile)).text


def test_the_rows_that_matter_are_the_winners_and_the_rivals() -> None:
    many = [features("vision.2", level, 950, all=-0.5, shape=-0.5, count=-0.5) for level in range(3, 9)]
    shown = [result.name for result in foremost_results(report([*RESULTS, *many]))]
    assert len(shown) <= 6
    assert {"split@connector/fitted-1", "upload@avif-50", "upload@jpeg-50"} <= set(shown)
    first, _, folded = markup(report([*RESULTS, *many])).replace("<wbr>", "").partition("<details>")
    assert "vision.2/fitted-8</span>" not in first
    assert "vision.2/fitted-8</span>" in folded


def test_a_page_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    save(tmp_path / "new" / "codec.html", report(CAPTIONS))
    assert "NLL at most +0.01" in (tmp_path / "new" / "codec.html").read_text()
    (tmp_path / "taken").mkdir()
    with pytest.raises(RequestError, match="is a folder; give the name of a file"):
        save(tmp_path / "taken", report(RESULTS))
