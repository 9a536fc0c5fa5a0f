import subprocess
import sys

import pytest

import isthmus
from bench import commands


def test_help_imports_no_sub_command_and_nothing_heavy() -> None:
    program = """
import sys, isthmus
try:
    isthmus.main(["bench", "--help"])
except SystemExit as stop:
    assert stop.code == 0
assert not {"torch", "onnxruntime", "rich"} & {name.split(".")[0] for name in sys.modules}
assert not [name for name in sys.modules if name.startswith("bench.") and name != "bench.commands"]
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert all(name in run.stdout for name in commands._COMMANDS)


@pytest.mark.parametrize("name", commands._COMMANDS)
def test_every_sub_command_describes_itself_without_torch(name: str) -> None:
    program = f"""
import sys, isthmus
try:
    isthmus.main(["bench", "{name}", "--help"])
except SystemExit as stop:
    assert stop.code == 0
assert "torch" not in sys.modules
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert f"isthmus bench {name}" in run.stdout


def test_a_sub_command_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        isthmus.main(["bench", "haed"])
    assert "there is no command 'haed' (did you mean head?); choose one of: routes" in capsys.readouterr().err
