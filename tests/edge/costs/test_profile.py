import dataclasses
import json
from pathlib import Path

import pytest

from edge import config
from edge.commands.profile import add_arguments
from edge.costs.known import known_profile
from edge.costs.measure import measure
from protos.bundle import Bundle
from protos.config import cache_folder
from protos.costs.profile import DeviceProfile
from protos.errors import BundleMissing, RequestError, WrongBundle
from protos.measurements import ASSUMED_MS
from protos.terminal.parser import Parser


@pytest.fixture(scope="module")
def bundle(bundle_path: Path) -> Bundle:
    return Bundle.open(bundle_path)


@pytest.fixture(scope="module")
def measured(bundle: Bundle) -> DeviceProfile:
    return measure(bundle, threads=1, seconds=0)


def test_every_part_is_measured(bundle: Bundle, measured: DeviceProfile) -> None:
    guess = DeviceProfile.from_bundle(bundle)

    assert list(measured.pieces) == ["vision.2", "vision.4", "connector"]
    assert measured.encode_ms.keys() == guess.encode_ms.keys()
    assert min([*measured.pieces.values(), *measured.encode_ms.values()]) > 0
    assert min(measured.preprocess_ms, measured.prefill_ms, measured.token_ms) > 0
    assert measured.measured
    assert measured.digest == bundle.digest


def test_the_first_guess_is_the_bundles_own_numbers(bundle: Bundle) -> None:
    guess = DeviceProfile.from_bundle(bundle)

    assert guess.pieces == {name: cut.piece_milliseconds for name, cut in bundle.measurements.cuts.items()}
    assert guess.token_ms == bundle.measurements.local.token_milliseconds
    assert "connector/int8-zstd" in guess.encode_ms
    assert not guess.measured


def test_progress_goes_to_the_end(bundle: Bundle) -> None:
    told: list[float] = []

    measure(bundle, seconds=0, progress=told.append)

    assert told == sorted(told)
    assert told[-1] == 1.0


def test_a_bundle_without_a_local_part_is_measured_too(bundle_path: Path) -> None:
    bundle = Bundle.open(bundle_path)
    bundle.manifest.ClearField("local")

    profile = measure(bundle, seconds=0)

    assert profile.prefill_ms == profile.token_ms == 0.0


def test_what_is_saved_is_loaded(bundle: Bundle, measured: DeviceProfile, tmp_path: Path) -> None:
    path = tmp_path / "not" / "there" / "yet.json"

    measured.save(path)

    assert DeviceProfile.load(path, bundle) == measured
    assert list(path.parent.iterdir()) == [path]


def test_a_profile_of_another_bundle_is_refused(
    bundle: Bundle, measured: DeviceProfile, tmp_path: Path
) -> None:
    path = tmp_path / "profile.json"
    dataclasses.replace(measured, digest="f" * 64).save(path)

    with pytest.raises(WrongBundle, match=r"measured with bundle ffffffffffff.*isthmus edge profile"):
        DeviceProfile.load(path, bundle)


@pytest.mark.parametrize(
    "change",
    [
        {"token_ms": -1.0},
        {"token_ms": "fast"},
        {"token_ms": float("nan")},
        {"pieces": {}},
        {"pieces": None},
        {"pieces": [1.0]},
        {"digest": 5},
        {"colour": "red"},
    ],
)
def test_a_broken_profile_is_refused(
    bundle: Bundle, measured: DeviceProfile, tmp_path: Path, change: dict[str, object]
) -> None:
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(dataclasses.asdict(measured) | change))

    with pytest.raises((RequestError, WrongBundle), match="measure again with: isthmus edge profile"):
        DeviceProfile.load(path, bundle)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b'"text"'])
def test_a_file_that_is_no_profile_is_refused(bundle: Bundle, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "profile.json"
    path.write_bytes(content)

    with pytest.raises(RequestError, match="is not a device profile"):
        DeviceProfile.load(path, bundle)


def test_a_profile_that_cannot_be_written_says_where_else(measured: DeviceProfile, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(RequestError, match="file is a file; choose another place"):
        measured.save(tmp_path / "file" / "profile.json")


def test_the_usual_place_is_in_the_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ISTHMUS_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert config.profile_file("a" * 64) == tmp_path / "isthmus" / "profile-aaaaaaaaaaaa-1-auto.json"

    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"


def test_the_known_profile_is_the_measured_one_once_there_is_one(
    bundle: Bundle, measured: DeviceProfile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path))
    assert known_profile(bundle) == DeviceProfile.from_bundle(bundle)

    measured.save(config.profile_file(bundle.digest))
    assert known_profile(bundle) == measured


@pytest.mark.parametrize("content", [b"{", b"[" * 100_000, b'{"colour": "red"}'])
def test_a_damaged_profile_is_ignored_with_a_warning(
    bundle: Bundle,
    content: bytes,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path))
    config.profile_file(bundle.digest).write_bytes(content)
    assert known_profile(bundle) == DeviceProfile.from_bundle(bundle)
    assert f"measure again with: isthmus edge profile --bundle {bundle.path}\n" in caplog.text
    _run("profile", "--bundle", str(bundle.path), "--duration", "0s")
    assert known_profile(bundle).measured, "the remedy helps"


def test_the_command_measures_saves_and_prints_json(
    bundle: Bundle, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path))

    _run("profile", "--bundle", str(bundle.path), "--duration", "0s", "--json")

    saved = DeviceProfile.load(config.profile_file(bundle.digest), bundle)
    assert json.loads(capsys.readouterr().out) == dataclasses.asdict(saved)


def test_the_command_prints_a_table_and_the_place(
    bundle: Bundle, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _run("profile", "--bundle", str(bundle.path), "--duration", "0s", "-o", str(tmp_path / "p.json"))

    printed = capsys.readouterr().out
    assert "head to vision.2" in printed
    assert f"saved to {tmp_path / 'p.json'}" in printed


@pytest.mark.parametrize("name", ["report.json", "measurements.json", "manifest.json"])
def test_the_command_writes_over_no_file_of_a_bundle(
    damaged: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (damaged / name).read_bytes()
    with pytest.raises(
        RequestError, match=f"{name} is not overwritten, because isthmus edge profile did not"
    ):
        _run("profile", "--bundle", str(damaged), "--duration", "1h", "-o", str(damaged / name))
    assert (damaged / name).read_bytes() == before


def test_the_command_writes_over_an_earlier_profile(bundle: Bundle, tmp_path: Path) -> None:
    for _ in range(2):
        _run("profile", "--bundle", str(bundle.path), "--duration", "0s", "-o", str(tmp_path / "p.json"))
    assert DeviceProfile.load(tmp_path / "p.json", bundle).measured


def test_what_is_no_profile_is_not_advised_to_be_overwritten(bundle: Bundle) -> None:
    with pytest.raises(RequestError, match="-o ANOTHER_FILE"):
        DeviceProfile.load(bundle.path / "report.json", bundle)


def test_without_measurements_a_device_goes_on_with_guesses_and_says_so(
    damaged: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path))
    (damaged / "measurements.json").unlink()
    bundle = Bundle.open(damaged)
    assert known_profile(bundle).pieces == dict.fromkeys(
        [piece.cut for piece in bundle.manifest.pieces], ASSUMED_MS
    )
    assert "is a guess" in caplog.text
    assert "it is not there" in caplog.text


def test_the_command_needs_a_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleMissing, match="is not a bundle"):
        _run("profile", "--bundle", str(tmp_path))


def _run(*arguments: str) -> None:
    parser = Parser()
    add_arguments(parser)
    options = parser.parse_args(arguments)
    options.run(options)
