"""`isthmus fleet tune`, `what-if` and `drift` as operators type them, against a controller's process."""

import json
import time
from collections.abc import Callable, Iterator

import pytest

import isthmus
from cloud.fleet.storage.database import Database
from cloud.fleet.storage.lease import Leadership
from protos.bundle import write_manifest
from protos.measurements import write_measurements
from tests.cloud.fleet.serving import served
from tests.cloud.fleet.telling import FLEET, intake_of
from tests.cloud.fleet.tuning.generated import Machine
from tests.cloud.fleet.tuning.telemetry import messages
from tests.splitter.planning.plans import MANIFEST, measured

Typed = Callable[..., str]
SLOW = ("--class", "Orin", "--link-class", "under-1")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a controller that was given a bundle, and knows twelve devices on slow links, two on fast ones."""
    folder = tmp_path_factory.mktemp("tuning")
    bundle, path = folder / "bundle", str(folder / "fleet.db")
    bundle.mkdir()
    digest = write_manifest(bundle, MANIFEST)
    write_measurements(bundle, measured(), digest)
    database = Database(path, FLEET)
    leadership = Leadership(database, "test")
    leadership.claim()
    intake, now = intake_of(database, leadership), time.time()
    for index in range(14):
        machine = Machine(f"d{index}", uplink=0.2 if index < 12 else 50.0)
        intake.take(messages(machine, [now - 3600 * hour for hour in range(8, 0, -1)], digest))
    leadership.release()
    database.close()
    with served(path, 1, options=["--bundle", str(bundle)]) as controller:
        yield controller.url


@pytest.fixture
def typed(url: str, capsys: pytest.CaptureFixture[str]) -> Typed:
    def run(*words: str) -> str:
        assert isthmus.main(["fleet", *words, "--controller", url]) == 0
        return capsys.readouterr().out

    return run


def test_a_recommendation_becomes_a_rollout(
    typed: Typed, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    table = typed("tune", "--weights", "accuracy=10,bytes=1000", "--points")
    assert "Orin, uplink under-1 Mbit/s: 12 devices" in table
    assert "not known: Orin, over-20 (2 of 2 devices" in table
    assert "upload@webp-15" in table, "among all ways"
    words = ("tune", *SLOW, "--weights", "latency=1,accuracy=10,bytes=1000")
    (group,) = json.loads(typed(*words, "--json"))["groups"]
    assert group["best"] == "local", "where bytes are as dear as that"
    told = json.loads(typed(*words, "--apply", "--why", "bytes are dear", "--json"))
    assert told["rollout"]["devices"] == 12
    assert told["rollout"]["settings"]["weights"]["kilobyte"] == 1000
    assert told["group"]["guards"]["p95"] is None, "the recommendation worsens it by more than there may be"
    (audit, *_) = json.loads(typed("audit", "--json"))["audit"]
    assert audit["why"] == "bytes are dear"
    assert isthmus.main(["fleet", *words, "--apply", "--why", "again", "--controller", url]) == 3
    assert "in the rollout" in capsys.readouterr().err


def test_yesterday_is_replayed_with_another_policy(typed: Typed) -> None:
    words = ("what-if", "--policy", "upload@jpeg-75", "--price-per-megabyte", "0.01", *SLOW)
    (result,) = json.loads(typed(*words, "--json"))["results"]
    assert result["model"]["reproduces"]
    assert result["groups"][0]["change"]["bytes"]["value"] == pytest.approx(3_000)
    table = typed(*words)
    assert "the model reproduces the measured day" in table
    assert "would be 100% upload@jpeg-75" in table
    assert "sent a day for" in table


def test_what_drifts_is_listed_or_that_nothing_does(typed: Typed) -> None:
    assert "0 of 14 devices drift" in typed("drift", "--last", "3h", "--before", "6h")
    assert json.loads(typed("drift", "--false-share", "5%", "--json"))["rate"] == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("tune", "--apply"), 3, "say --why"),
        (("tune", "--apply", "--why", "x", "--class", "Toaster"), 3, "nothing is known to apply"),
        (("what-if", "--pin", "vision.9"), 3, "vision.9"),
        (("drift", "--last", "40h", "--before", "40h"), 3, "80 together"),
    ],
)
def test_what_cannot_be_is_refused(
    words: tuple[str, ...], status: int, said: str, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert isthmus.main(["fleet", *words, "--controller", url]) == status
    assert said in capsys.readouterr().err


def test_a_weight_that_there_is_not_is_named(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        isthmus.main(["fleet", "tune", "--weights", "speed=1", "--controller", url])
    assert "no weight 'speed'" in capsys.readouterr().err
