"""Finished steps are kept for each recipe, and nothing that Isthmus did not make is touched."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from protos.errors import BundleError
from splitter.storage.parts import Parts

HOLDING = """
import sys, time
from pathlib import Path
from splitter.storage.parts import Parts
with Parts(Path(sys.argv[1]), sys.argv[2]).locked():
    print("locked", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "model"


def kept(output: Path, recipe: str, step: str = "tower") -> Parts:
    """A split that was interrupted when one step was finished."""
    parts = Parts(output, recipe)
    parts.value(step, lambda: recipe)
    return parts


def holding(output: Path, recipe: str) -> subprocess.Popen[str]:
    """Another process that makes this bundle by a recipe."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(output), recipe], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "locked\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    """As a machine that loses its power would."""
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_steps_survive_another_recipe(output: Path) -> None:
    kept(output, "a" * 64)
    with Parts(output, "b" * 64).locked():
        pass
    assert Parts(output, "a" * 64).value("tower", lambda: "made again") == "a" * 64


def test_a_finished_split_removes_only_its_own(output: Path) -> None:
    kept(output, "a" * 64)
    kept(output, "b" * 64).remove()
    (left,) = output.parent.iterdir()
    assert left.name == "model.aaaaaaaaaaaa.parts"


def test_steps_of_another_recipe_are_told_with_their_size_and_how_to_be_rid_of_them(output: Path) -> None:
    old = kept(output, "a" * 64)
    old.file("tower.onnx", lambda path: path.write_bytes(bytes(3_000_000)))
    (line,) = Parts(output, "b" * 64).told()
    assert f"{old.folder} keeps 3.0 MB" in line
    assert line.endswith(f"remove it: rm -r {old.folder}")
    assert list(old.told()) == []


def test_steps_for_a_bundle_with_a_longer_name_are_none_of_its_own(output: Path) -> None:
    kept(output.with_name("model.v2"), "a" * 64)
    assert list(Parts(output, "b" * 64).told()) == []


def test_a_run_that_finished_nothing_leaves_no_folder(output: Path) -> None:
    with Parts(output, "a" * 64).locked():
        pass
    assert list(output.parent.iterdir()) == []


def test_a_folder_of_that_name_that_is_the_users_is_left_alone(output: Path) -> None:
    theirs = output.with_name("model.aaaaaaaaaaaa.parts")
    theirs.mkdir()
    (theirs / "wheel.step").write_text("a part of a car")
    with pytest.raises(BundleError, match="Isthmus did not make it"):
        Parts(output, "a" * 64)
    Parts(output, "b" * 64)
    assert list(Parts(output, "b" * 64).told()) == []
    assert (theirs / "wheel.step").read_text() == "a part of a car"


@pytest.mark.parametrize("recipe", ["a" * 64, "b" * 64], ids=["the same recipe", "another one"])
def test_another_split_of_the_same_bundle_is_told_in_one_line(output: Path, recipe: str) -> None:
    other = holding(output, "a" * 64)
    try:
        with pytest.raises(BundleError) as caught, Parts(output, recipe).locked():
            pass
    finally:
        end(other)
    assert f"another split makes {output} (process {other.pid}); wait until it ends" in str(caught.value)
    assert [path.name for path in output.parent.iterdir()] == ["model.aaaaaaaaaaaa.parts"]
    with Parts(output, recipe).locked():
        assert True, "what a killed process held is free again"


def test_another_bundle_may_be_split_meanwhile(output: Path) -> None:
    other = holding(output.with_name("other"), "a" * 64)
    try:
        with Parts(output, "a" * 64).locked():
            pass
    finally:
        end(other)


def test_beside_a_link_steps_lie_where_the_bundle_does(output: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    output.symlink_to(tmp_path / "disk" / "v1")
    assert Parts(output, "a" * 64).folder.parent == tmp_path / "disk"


def test_what_an_interrupted_run_left_of_a_whole_bundle_is_thrown_away(output: Path) -> None:
    kept(output, "a" * 64)
    Parts.discard(output, "b" * 64)
    assert [path.name for path in output.parent.iterdir()] == ["model.aaaaaaaaaaaa.parts"]
    Parts.discard(output, "a" * 64)
    assert list(output.parent.iterdir()) == []
