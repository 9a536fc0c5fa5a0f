import json
from pathlib import Path

import pytest

import isthmus
from protos.bundle import Bundle
from splitter.commands.head_tables import head_tables

pytestmark = pytest.mark.slow


def shown(bundle: Bundle, facts: dict[str, object]) -> list[str]:
    return [
        item if isinstance(item, str) else str(item.title) for item in head_tables(bundle.manifest, facts)
    ]


def test_show_tells_the_precision_and_the_bytes_of_every_piece(
    bundle_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert isthmus.main(["bundle", "show", "--bundle", str(bundle_path)]) == 0
    said = capsys.readouterr().out
    assert "head in INT8 dynamic" in said
    assert "cuts, INT8 head in place" in said
    assert "of FP32" in said


def test_json_holds_what_was_measured_of_the_precision(
    bundle_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert isthmus.main(["bundle", "show", "--bundle", str(bundle_path), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["manifest"]["precision"]["precision"] == "int8"
    assert printed["precision"]["speed"] > 0
    assert [row["cut"] for row in printed["precision"]["sizes"]] == ["vision.2", "vision.4", "connector"]


def test_int8_pieces_take_at_most_27_percent_of_their_fp32_size(bundle_path: Path) -> None:
    sizes = json.loads((bundle_path / "report.json").read_text())["precision"]["sizes"]
    assert all(row["after"] <= 0.27 * row["fp32"] for row in sizes)


def test_the_decoder_has_the_precision_that_was_asked_for(bundle: Bundle) -> None:
    assert bundle.manifest.local.precision.precision == "int8"


def test_a_device_without_the_report_shows_what_the_manifest_says(
    damaged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (damaged / "report.json").unlink()
    assert isthmus.main(["bundle", "show", "--bundle", str(damaged)]) == 0
    assert "cuts, INT8 head in place" in capsys.readouterr().out


def test_a_search_is_shown_worst_first_with_what_stays_in_float(bundle: Bundle) -> None:
    effects = [
        {"output": f"v{n}", "label": f"layers.{n}", "shape": [8, 8], "effect": 1 / (n + 1)} for n in range(30)
    ]
    search = {
        "unit": "cosine",
        "bound": 0.5,
        "before": 2.0,
        "after": 0.4,
        "in_float": 2,
        "effects": effects,
        "holds": True,
    }
    (title,) = shown(bundle, {"search": search})
    assert "2.000 percent of cosine lost with all quantised, 0.400 as published, 0.5 allowed" in title


def test_a_search_that_found_nothing_to_do_says_so(bundle: Bundle) -> None:
    search = {
        "unit": "points",
        "bound": 0.5,
        "before": 0.1,
        "after": 0.1,
        "in_float": 0,
        "effects": [],
        "holds": True,
    }
    (said,) = shown(bundle, {"search": search})
    assert said.startswith("no MatMul had to stay in float: 0.100 points of accuracy")


def test_a_head_that_fell_back_to_fp32_says_how_slow_the_other_form_was(bundle: Bundle) -> None:
    bundle.manifest.precision.Clear()
    bundle.manifest.precision.precision = "fp32"
    sizes = [{"cut": "connector", "fp32": 100, "before": 110, "after": 100}]
    (title,) = shown(
        bundle, {"asked": {"precision": "int8"}, "used": {"precision": "fp32"}, "speed": 0.8, "sizes": sizes}
    )
    assert title == "head in FP32: on the machine that split, INT8 was 0.8 times as fast as FP32"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--precision", "fp16", "--quantization", "static"], "only INT8 has activations to calibrate"),
        (["--calibration-method", "entropy"], "add --quantization static"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert isthmus.main(["split", "-o", str(tmp_path / "bundle"), *words]) == 3
    assert said in capsys.readouterr().err
    assert not (tmp_path / "bundle").exists()


def test_a_loss_beyond_all_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        isthmus.main(["split", "-o", str(tmp_path / "bundle"), "--max-loss", "101"])
    assert "not between 0 and 100" in capsys.readouterr().err
