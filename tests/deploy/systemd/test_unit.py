"""The units, as systemd's own tools judge them, and as the agent and the service need them."""

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import isthmus
from cloud.api.process import EXIT_HANGS
from cloud.commands import serve
from cloud.fleet.commands import serve as fleet_serve
from edge.commands import agent
from protos.errors import BundleError, CloudError, RequestError
from tests.house import ROOT

EDGE, CLOUD, FLEET = (
    ROOT / "deploy/systemd" / f"isthmus-{one}.service" for one in ("edge", "cloud", "fleet")
)
PROGRAM = "/opt/isthmus/venv/bin/isthmus"
MAX_EXPOSURE = 20  # tenths of what systemd counts, of 100

systemd_only = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="no systemd-analyze here (Debian: systemd): no unit is judged"
)


class Lines(dict[str, str]):
    """A name may stand several times; the last one counts, as far as is looked at here."""


def service(unit: Path) -> configparser.SectionProxy:
    parser = configparser.RawConfigParser(strict=False, dict_type=Lines)
    parser.optionxform = str  # type: ignore[assignment,method-assign] # names are of two cases
    parser.read(unit)
    return parser["Service"]


@pytest.fixture(params=[EDGE, CLOUD, FLEET], ids=lambda unit: unit.stem)
def installed(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A unit with a program that is there."""
    unit: Path = request.param
    place = tmp_path / unit.name
    place.write_text(unit.read_text().replace(PROGRAM, str(Path(sys.executable).with_name("isthmus"))))
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


@pytest.mark.parametrize(("unit", "run"), [(EDGE, agent.run), (CLOUD, serve.run), (FLEET, fleet_serve.run)])
def test_what_it_starts_is_a_command(unit: Path, run: object) -> None:
    program, *words = service(unit)["ExecStart"].split()
    assert program == PROGRAM
    options = isthmus._parser().parse_args(words)
    assert options.run is run


def test_it_waits_for_the_agent_and_for_its_signs_of_life() -> None:
    assert service(EDGE)["Type"] == "notify"
    assert service(EDGE)["WatchdogSec"]
    assert service(EDGE)["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert service(EDGE)["StandardOutput"] == "null"  # answers tell what was seen


def test_a_service_whose_model_hangs_is_started_anew_and_wrong_options_are_not() -> None:
    cloud = service(CLOUD)
    assert (cloud["Type"], cloud["Restart"]) == ("notify", "on-failure")
    assert cloud["WatchdogSec"]
    lasting = set(map(int, cloud["RestartPreventExitStatus"].split()))
    assert {RequestError.exit_code, BundleError.exit_code} < lasting
    assert EXIT_HANGS not in lasting


def test_a_controller_is_started_anew_unless_its_options_are_wrong_and_keeps_its_database() -> None:
    fleet = service(FLEET)
    assert (fleet["Type"], fleet["Restart"], bool(fleet["WatchdogSec"])) == ("notify", "on-failure", True)
    lasting = set(map(int, fleet["RestartPreventExitStatus"].split()))
    assert RequestError.exit_code in lasting
    assert CloudError.exit_code not in lasting, "a database comes back"
    assert f"/var/lib/{fleet['StateDirectory']}/" in fleet["ExecStart"]
