"""A bundle on its way to a device: the same bytes every time, and believed in nothing when unpacked."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

import isthmus
from protos.archive import unpack
from protos.bundle import MANIFEST, REPORT, Bundle
from protos.compression import zstd
from protos.errors import BundleDamaged, BundleError, RequestError
from protos.measurements import MEASUREMENTS
from splitter.nano.scenes import picture
from splitter.storage.archive import pack


@pytest.fixture
def packed(bundle: Bundle, tmp_path: Path) -> Path:
    """What a device needs, as a tar."""
    pack(bundle, tmp_path / "nano.tar", edge=True)
    return tmp_path / "nano.tar"


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def needed(bundle: Bundle) -> set[str]:
    return {MANIFEST, MEASUREMENTS, REPORT} | {entry.path for entry in bundle.edge_files()}


@pytest.mark.parametrize("name", ["nano.tar.zst", "nano.tar"])
def test_what_a_device_needs_has_the_same_bytes_every_time(bundle: Bundle, tmp_path: Path, name: str) -> None:
    (tmp_path / "again").mkdir()
    for place in (tmp_path / name, tmp_path / "again" / name):
        pack(bundle, place, edge=True)
    assert (tmp_path / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    found = unpack(tmp_path / name, tmp_path / "there")
    assert (found.digest, found.edge_only) == (bundle.digest, True)
    assert files(found.path) == needed(bundle)
    assert not [path for path in needed(bundle) if path.startswith("cloud/")]


def test_what_was_packed_out_of_a_part_is_the_same(bundle: Bundle, packed: Path, tmp_path: Path) -> None:
    pack(unpack(packed, tmp_path / "part"), tmp_path / "again.tar", edge=True)
    assert (tmp_path / "again.tar").read_bytes() == packed.read_bytes()
    with pytest.raises(BundleDamaged, match="this copy has no cloud/"):
        pack(Bundle.open(tmp_path / "part"), tmp_path / "whole.tar", edge=False)
    assert not (tmp_path / "whole.tar").exists()


def test_a_whole_bundle_is_packed_whole(bundle: Bundle, tmp_path: Path) -> None:
    pack(bundle, tmp_path / "whole.tar", edge=False)
    found = unpack(tmp_path / "whole.tar", tmp_path / "whole")
    assert not found.edge_only
    every = {entry.path for entry in bundle.manifest.files}
    assert files(found.path) == {MANIFEST, MEASUREMENTS, REPORT} | every


def test_any_tar_reads_it(bundle: Bundle, packed: Path) -> None:
    with tarfile.open(packed) as archive:
        members = archive.getmembers()
    folder = f"nano-{bundle.digest[:12]}"
    assert members[0].name == f"{folder}/{MANIFEST}"
    assert {member.name for member in members} == {f"{folder}/{path}" for path in needed(bundle)}
    assert {(member.mtime, member.uid, member.uname, member.mode) for member in members} == {
        (0, 0, "", 0o644)
    }


def test_what_was_measured_comes_along_and_must_be_of_this_bundle(
    bundle: Bundle, packed: Path, tmp_path: Path
) -> None:
    part = unpack(packed, tmp_path / "part")
    assert (part.unmeasured, part.measurements) == ("", bundle.measurements)
    measured = part.path / MEASUREMENTS
    measured.write_text(measured.read_text().replace(bundle.digest, "0" * 64))
    pack(Bundle.open(part.path), tmp_path / "foreign.tar", edge=True)
    with pytest.raises(BundleDamaged, match=MEASUREMENTS):
        unpack(tmp_path / "foreign.tar", tmp_path / "there")
    assert not (tmp_path / "there").exists()


def test_a_place_that_is_taken_is_left_alone(bundle: Bundle, packed: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="is there already; name another place"):
        pack(bundle, packed, edge=True)
    with pytest.raises(RequestError, match="is there already; name another place"):
        unpack(packed, tmp_path)


Change = Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]


def renamed(name: str) -> Change:
    def change(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        members[1][0].name = name

    return change


def link(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    members[1][0].type, members[1][0].linkname = tarfile.SYMTYPE, "/etc/passwd"


def other_bytes(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    member, content = members[1]
    members[1] = (member, bytes(len(content)))


def longer(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    members[1][0].size += 1
    members[1] = (members[1][0], members[1][1] + b"x")


def twice(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    members.append(members[1])


def one_less(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    del members[1]


def manifest_last(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    members.append(members.pop(0))


@pytest.mark.parametrize(
    "change",
    [
        renamed("../evil"),
        renamed("/etc/evil"),
        renamed("a/../../evil"),
        renamed("nano/edge/evil.onnx"),
        link,
        other_bytes,
        longer,
        twice,
        one_less,
        manifest_last,
    ],
)
def test_an_archive_that_holds_anything_else_is_refused(packed: Path, tmp_path: Path, change: Change) -> None:
    with tarfile.open(packed) as archive:
        members = [(member, archive.extractfile(member).read()) for member in archive]  # type: ignore[union-attr]
    change(members)
    with tarfile.open(tmp_path / "changed.tar", "w") as archive:
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))
    with pytest.raises(
        BundleDamaged, match=r"changed.tar is not a bundle that isthmus packed: .*; fetch it again"
    ):
        unpack(tmp_path / "changed.tar", tmp_path / "there")
    assert {path.name for path in tmp_path.iterdir()} == {"nano.tar", "changed.tar"}


@pytest.mark.parametrize("name", ["broken.tar", "broken.tar.zst"])
@pytest.mark.parametrize("data", [b"", b"no archive", zstd.compress(b"no archive")])
def test_what_is_no_archive_is_refused(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(BundleError):
        unpack(tmp_path / name, tmp_path / "there")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_device_answers_from_its_part_and_says_that_it_is_one(
    bundle_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*words: str) -> str:
        assert isthmus.main(words) == 0
        return capsys.readouterr().out

    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path / "cache"))
    scene, part = str(tmp_path / "scene.png"), str(tmp_path / "part")
    cv2.imwrite(scene, picture(77).image[..., ::-1])
    told = json.loads(run("bundle", "pack", "--edge", "-b", str(bundle_path), "-o", part, "--json"))
    assert (told["output"], told["files"]) == (part, len(files(tmp_path / "part")) - 1)
    assert "a device's part" in run("bundle", "verify", "-b", part)
    checked = json.loads(run("bundle", "verify", "-b", part, "--json"))
    assert (checked["whole"], checked["edge_only"]) == (True, True)
    archive = str(tmp_path / "nano.tar.zst")
    run("bundle", "pack", "--edge", "-b", part, "-o", archive)
    packed = json.loads(run("bundle", "verify", "-b", archive, "--json"))
    assert (packed["whole"], packed["digest"], packed["files"]) == (True, checked["digest"], checked["files"])
    Path(archive).write_bytes(Path(archive).read_bytes()[:-9])
    assert isthmus.main(["bundle", "verify", "-b", archive]) == 4
    assert "is not a bundle that isthmus packed" in capsys.readouterr().err
    asked = ("ask", scene, "what is the background?", "-b")
    assert run(*asked, part) == run(*asked, str(bundle_path))
    run("edge", "profile", "--duration", "0s", "-b", part, "-o", str(tmp_path / "profile.json"))
    run("plan", "-b", part)
    (tmp_path / "part" / "edge" / "01-vision.4.onnx").unlink()
    assert isthmus.main(["bundle", "verify", "-b", part]) == 4
    assert "01-vision.4.onnx cannot be read" in capsys.readouterr().err
