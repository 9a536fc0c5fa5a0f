import html
from pathlib import Path

import pytest

from bench.codec.report.page import page, save
from protos.errors import RequestError
from tests.bench.codec.report.results import CAPTIONS, RESULTS, report


def test_a_page_holds_verdict_picture_and_tables_and_its_text_is_escaped() -> None:
    made = page(report(RESULTS))
    assert "a &lt;model&gt;: features against pictures" in made
    assert "a <model>" not in made
    assert report(RESULTS).sentences[0] in html.unescape(made)
    assert made.count("<table>") == 2


def test_a_page_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    save(tmp_path / "new" / "codec.html", report(CAPTIONS))
    assert "NLL at most +0.01" in (tmp_path / "new" / "codec.html").read_text()
    (tmp_path / "taken").mkdir()
    with pytest.raises(RequestError, match="cannot be written"):
        save(tmp_path / "taken", report(RESULTS))
