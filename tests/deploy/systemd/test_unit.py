"""The unit, as systemd's own tools judge it, and as the agent needs it."""

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import isthmus
from edge.commands import agent
from tests.house import ROOT

UNIT = ROOT / "deploy/systemd/isthmus-edge.service"
PROGRAM = "/opt/isthmus/venv/bin/isthmus"
MAX_EXPOSURE = 20  # tenths of what systemd counts, of 100

systemd_only = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="no systemd-analyze here (Debian: systemd): no unit is judged"
)


class Lines(dict[str, str]):
    """A name may stand several times; the last one counts, as far as is looked at here."""


def service() -> configparser.SectionProxy:
    parser = configparser.RawConfigParser(strict=False, dict_type=Lines)
    parser.optionxform = str  # type: ignore[assignment,method-assign] # names are of two cases
    parser.read(UNIT)
    return parser["Service"]


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The unit with a program that is there."""
    place = tmp_path / UNIT.name
    place.write_text(UNIT.read_text().replace(PROGRAM, str(Path(sys.executable).with_name("isthmus"))))
    return place


@systemd_only
def test_systemd_finds_nothing_wrong(installed: Path) -> None:
    found = subprocess.run(
        ["systemd-analyze", "verify", installed], capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stderr) == (0, "")


@systemd_only
def test_it_may_do_little_else_than_its_work(installed: Path) -> None:
    judge = ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={MAX_EXPOSURE}"]
    found = subprocess.run([*judge, installed], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout[-2000:]


def test_what_it_starts_is_a_command() -> None:
    program, *words = service()["ExecStart"].split()
    assert program == PROGRAM
    options = isthmus._parser().parse_args(words)
    assert options.run is agent.run


def test_it_waits_for_the_agent_and_for_its_signs_of_life() -> None:
    assert service()["Type"] == "notify"
    assert service()["WatchdogSec"]
    assert service()["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert service()["StandardOutput"] == "null"  # answers tell what was seen
