"""What `isthmus bench leakage` found is told with the bundle that it was found of, and with no other."""

import json
from pathlib import Path

import pytest

from protos.bundle import Bundle
from protos.errors import BundleDamaged
from splitter.commands.bundle import print_bundle
from splitter.commands.leakage import leakage_table, save_leakage

FIGURES = {
    "measure": "all",
    "original": 94.0,
    "rows": [
        {"name": "split@connector/fitted-1", "bytes": 80, "psnr": 17.25, "ssim": 0.5, "understood": 61.0}
    ],
}


def test_a_bundle_shows_what_was_measured_of_it(damaged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = Bundle.open(damaged)
    save_leakage(bundle, FIGURES)

    print_bundle(bundle, as_json=False)

    (line,) = [line for line in capsys.readouterr().out.splitlines() if "17.2" in line]
    assert [cell.strip() for cell in line.split("│")[1:-1]] == [
        "split@connector/fitted-1",
        "80",
        "17.2",
        "0.500",
        "61.00",
    ]
    assert Bundle.open(damaged).digest == bundle.digest


def test_what_was_measured_of_another_bundle_is_not_told(damaged: Path) -> None:
    bundle = Bundle.open(damaged)
    save_leakage(bundle, FIGURES | {"bundle": "0" * 64})
    assert leakage_table(bundle) is None


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", json.dumps(FIGURES | {"rows": [{"name": 1}]}), json.dumps(FIGURES | {"rows": 3})]
)
def test_a_file_that_holds_something_else_is_refused(damaged: Path, text: str) -> None:
    (damaged / "leakage.json").write_text(text)
    with pytest.raises(BundleDamaged, match="measure again"):
        leakage_table(Bundle.open(damaged))


def test_where_nothing_was_measured_nothing_is_told(bundle: Bundle) -> None:
    assert leakage_table(bundle) is None
