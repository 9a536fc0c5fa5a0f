"""CONTRIBUTING.md shows how to add one thing: each example is added, used and removed."""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from cloud.admission.pictures import open_picture
from edge.link.client import CloudClient
from edge.pictures.resampling import Picture
from edge.requests.orchestrator import Orchestrator
from edge.testing.scripted_cloud import says, serving
from edge.upload.picture_encoder import encode_picture
from protos.arms import arms_of
from protos.arms import kinds as arm_kinds
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.costs.profile import DeviceProfile
from protos.pictures.upload_formats import UPLOAD_FORMATS, UploadFormat
from tests.house import ROOT

_FILE = re.compile(r"^`([\w/]+\.py)`:\n\n```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
_FORMAT = re.compile(r"^(UploadFormat\(.*\))$", re.MULTILINE)
PICTURE: Picture = np.random.default_rng(5).integers(0, 256, (96, 160, 3), dtype=np.uint8)

Add = Callable[[ModuleType], None]


def guide() -> str:
    return (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.fixture
def add(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Add]:
    """Puts the guide's file for a folder where the folder's own files are found, and takes it away again."""
    before = set(sys.modules)

    def added(folder: ModuleType) -> None:
        examples = {Path(path): code for path, code in _FILE.findall(guide())}
        place = Path(*folder.__name__.split("."))
        (name,) = (path.name for path in examples if path.parent == place)
        aside = tmp_path / folder.__name__
        aside.mkdir()
        (aside / name).write_text(examples[place / name], encoding="utf-8")
        monkeypatch.setattr(folder, "__path__", [*folder.__path__, str(aside)])

    yield added
    for name in set(sys.modules) - before:
        if name.startswith(("protos.arms.kinds.", "protos.codec.kinds.", "splitter.codecs.kinds.")):
            del sys.modules[name]


def test_an_arm_is_one_file(bundle: Bundle, add: Add) -> None:
    known = len(arms_of(bundle.manifest))
    add(arm_kinds)
    assert len(arms_of(bundle.manifest)) == known + 1
    with serving(says("yes")) as cloud, CloudClient(cloud.address) as client:
        orchestrator = Orchestrator(bundle, client, DeviceProfile.from_bundle(bundle))
        answer = orchestrator.answer(PICTURE, "what is it?", Rules(route="draft", allow_local=False))
    smallest = min(bundle.manifest.uploads, key=lambda upload: upload.mean_bytes)
    assert answer.route == f"draft@{smallest.format}-{smallest.quality}"
    assert cloud.requests[0].picture.data


def test_what_was_added_is_gone_again(bundle: Bundle) -> None:
    assert {arm.kind for arm in arms_of(bundle.manifest)} == {"local", "split", "upload"}


def test_an_upload_format_is_one_line(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = _FORMAT.findall(guide())
    added = eval(line, {"UploadFormat": UploadFormat})
    monkeypatch.setitem(UPLOAD_FORMATS, added.name, added)
    data = encode_picture(PICTURE, added.name, added.qualities[0])
    assert np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)).shape == PICTURE.shape
    assert open_picture(data, bundle.manifest.limits).size == (160, 96)
