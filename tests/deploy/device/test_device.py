"""A device installs its own code and what that needs, and no more."""

import subprocess
import sys
from pathlib import Path

import pytest

from deploy.device.requirements import requirements
from deploy.device.wheel import device_wheel
from tests.house import ROOT

_ASK = """
import sys
sys.modules |= dict.fromkeys(
    ["huggingface_hub", "torch", "onnx", "transformers", "pygments", "markdown_it"]
)  # cannot be imported
import edge, isthmus
assert edge.__file__.startswith(sys.argv[1]), edge.__file__
sys.exit(isthmus.main(sys.argv[2:]))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel alone, as pip unpacks it; what it needs is found in this environment."""
    folder = tmp_path_factory.mktemp("device")
    wheel = device_wheel(ROOT, folder)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", folder / "site", wheel], check=True)
    return folder / "site"


def test_the_wheel_holds_the_device_s_code_alone(installed: Path) -> None:
    assert {path.name for path in installed.iterdir()} >= {"edge", "protos", "splitter", "isthmus.py"}
    assert not {path.name for path in installed.iterdir()} & {"cloud", "bench", "deploy"}
    assert sum(path.stat().st_size for path in installed.rglob("*.*") if path.suffix != ".pyc") < 3_000_000


def test_it_answers_a_question_without_what_is_not_installed(installed: Path, bundle_path: Path) -> None:
    words = ["ask", str(ROOT / "docs/scene.png"), "what color is the circle?", "--bundle", str(bundle_path)]
    program = [sys.executable, "-P", "-c", _ASK, str(installed), *words]
    ran = subprocess.run(
        program,
        env={"PYTHONPATH": str(installed)},
        cwd=installed,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "orange"


def test_the_same_wheel_is_made_again(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    one, two = (device_wheel(ROOT, tmp_path / name) for name in "ab")
    assert one.read_bytes() == two.read_bytes()


def test_requirements_are_pinned_and_leave_the_hub_out(tmp_path: Path) -> None:
    lines = requirements(ROOT, ROOT / "constraints.txt").splitlines()
    names = {line.partition("==")[0] for line in lines if not line.startswith("#")}
    assert {"onnxruntime", "numpy", "tokenizers", "grpcio", "tomli"} <= names
    assert not names & {"huggingface_hub", "torch", "onnx", "fsspec", "Pygments", "markdown-it-py", "mdurl"}
    few = tmp_path / "constraints.txt"
    few.write_text("numpy==2.4.6\n")
    with pytest.raises(ValueError, match=r"does not pin .*onnxruntime"):
        requirements(ROOT, few)
