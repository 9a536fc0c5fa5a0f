import json
from pathlib import Path

import pytest

import isthmus
from protos.bundle import Bundle
from protos.errors import BundleDamaged
from protos.report import Report
from splitter.nano.questions import KINDS


def test_every_route_of_the_report_is_shown_by_kind(
    bundle_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert isthmus.main(["bundle", "show", "--bundle", str(bundle_path), "--kinds"]) == 0
    shown = capsys.readouterr().out
    rows = json.loads((bundle_path / "report.json").read_text())["rows"]
    assert all(row["route"] in shown for row in rows)
    assert all(kind in shown for kind in KINDS)
    report = Report.read(Bundle.open(bundle_path))
    (line,) = [line.split() for line in shown.splitlines() if line.split()[:1] == ["n"]]
    assert line[1:] == [str(report.count), *map(str, report.counts.values())]
    assert sum(report.counts.values()) == report.count > 0


def test_the_kinds_as_json_are_the_rows_of_the_report(
    bundle_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert isthmus.main(["bundle", "show", "--bundle", str(bundle_path), "--kinds", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["digest"] == Bundle.open(bundle_path).digest
    assert shown["rows"] == json.loads((bundle_path / "report.json").read_text())["rows"]


@pytest.mark.parametrize("text", ["{", "[]", '"rows": []', '"rows": [{"route": "whole"}]', '"rows": 3'])
def test_a_report_that_cannot_be_read_is_a_damaged_bundle(
    damaged: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (damaged / "report.json").unlink()
    own = f'{{"bundle": "{Bundle.open(damaged).digest}", {text}}}' if "rows" in text else text
    (damaged / "report.json").write_text(own)
    given = ["--bundle", str(damaged)]
    assert isthmus.main(["bundle", "show", *given]) == 0, "the rest is told"
    assert isthmus.main(["bundle", "verify", *given]) == BundleDamaged.exit_code
    assert isthmus.main(["bundle", "show", *given, "--kinds"]) == BundleDamaged.exit_code
    assert "report.json cannot be used" in capsys.readouterr().err
