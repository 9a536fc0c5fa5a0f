"""`isthmus simulate`, as it is called."""

import json
from pathlib import Path

import pytest

import isthmus
from tests.bench.simulate.worlds import write_bundle


@pytest.fixture
def steady(tmp_path: Path) -> Path:
    path = tmp_path / "steady.up"
    path.write_text("".join(f"{moment}\n" for moment in range(10, 20_001, 10)))
    return path


@pytest.fixture
def paper(tmp_path: Path) -> Path:
    folder = tmp_path / "paper"
    folder.mkdir()
    return write_bundle(folder).path


def test_a_table_for_each_case_and_one_over_all(
    steady: Path, paper: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--trace", str(steady), "--rate", "1", "2", "--device-slower", "4", "--deadline", "400ms"]
    assert isthmus.main(["simulate", "-b", str(paper), *words]) == 0
    told = capsys.readouterr().out
    for line in ("steady.up, device 4x slower, a request a second: 20 requests", "over all cases", "missed"):
        assert line in told
    for name in ("isthmus", "local", "best-upload", "mean-rate", "linucb", "oracle", "deadline-oracle"):
        assert f"\n{name} " in told


def test_figures_are_the_same_for_the_same_seed(
    steady: Path, paper: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["simulate", "-b", str(paper), "--trace", str(steady), "--noise", "0.1", "--json"]
    told = []
    for seed in ("1", "1", "2"):
        assert isthmus.main([*words, "--seed", seed]) == 0
        told.append(capsys.readouterr().out)
    assert told[0] == told[1] != told[2]
    figures = json.loads(told[0])
    (case,) = figures["cases"]
    oracle = next(one for one in case["policies"] if one["policy"] == "oracle")
    assert oracle["of_oracle"] == 1.0
    assert sum(oracle["arms"].values()) == pytest.approx(1.0)
    assert oracle["missed"] is None


def test_a_table_of_rates_is_a_trace_too(
    paper: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rates.csv").write_text("seconds,Mbit/s\n0,2\n5,0.1\n10,1\n")
    words = ["--trace", str(tmp_path / "rates.csv"), "--policy", "isthmus", "best-fixed", "--for", "10s"]
    assert isthmus.main(["simulate", "-b", str(paper), *words]) == 0
    told = capsys.readouterr().out
    assert "rates.csv, device as measured, a request a second: 10 requests" in told
    assert "\noracle " in told
    assert "linucb" not in told


def test_a_page_shows_times_and_arms(steady: Path, paper: Path, tmp_path: Path) -> None:
    page, figures = tmp_path / "page.html", tmp_path / "figures.json"
    words = ["--trace", str(steady), "--html", str(page), "-o", str(figures), "--deadline", "150ms"]
    assert isthmus.main(["simulate", "-b", str(paper), *words]) == 0
    text = page.read_text(encoding="utf-8")
    assert "Time to the answer, steady.up" in text
    assert "Arms over time, steady.up" in text
    assert text.count("<svg") == 2
    assert json.loads(figures.read_text(encoding="utf-8"))["cases"]


def test_only_arms_that_are_accurate_enough_are_taken(
    steady: Path, paper: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["simulate", "-b", str(paper), "--trace", str(steady), "--json", "--max-loss", "0.1"]
    assert isthmus.main(words) == 0
    (case,) = json.loads(capsys.readouterr().out)["cases"]
    names = {name for one in case["policies"] for name in one["arms"]}
    assert "upload@jpeg-75" not in names
    assert "local" not in names
    assert not [one for one in case["policies"] if one["policy"] == "local"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--policy", "isthmos"], "there is no --policy 'isthmos' (did you mean isthmus?)"),
        (["--deadline", "-5ms"], "--deadline"),
        (["--deadline", "500"], "it has no unit"),
        (["--rate", "0"], "'0' is not between"),
        (["--device-slower", "1", "fast"], "'fast' is not between"),
        (["--rtt", "2"], "it has no unit"),
    ],
)
def test_what_cannot_be_simulated_is_an_error_of_usage(
    steady: Path, paper: Path, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        isthmus.main(["simulate", "-b", str(paper), "--trace", str(steady), *words])
    assert stopped.value.code == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "5\n3\n", "0\n"])
def test_an_empty_or_broken_trace_is_refused(
    paper: Path, tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.up").write_text(content)
    assert isthmus.main(["simulate", "-b", str(paper), "--trace", str(tmp_path / "t.up")]) == 3
    assert "is not a trace" in capsys.readouterr().err


def test_two_traces_of_one_name_are_refused(
    steady: Path, paper: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert isthmus.main(["simulate", "-b", str(paper), "--trace", str(steady), str(steady)]) == 3
    assert "same file name" in capsys.readouterr().err
