"""CONTRIBUTING.md shows how to add one thing: each example is added, used and removed."""

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
import torch

from cloud.admission.pictures import open_picture
from edge.agent.events import sinks
from edge.agent.events.event import Event
from edge.link.client import CloudClient
from edge.pictures.resampling import Picture
from edge.requests.orchestrator import Orchestrator
from edge.testing.scripted_cloud import says, serving
from edge.upload.picture_encoder import encode_picture
from protos import bundle_pb2 as pb
from protos import codec as wire
from protos.arms import arms_of
from protos.arms import kinds as arm_kinds
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.codec import kinds as codec_kinds_on_the_wire
from protos.costs.profile import DeviceProfile
from protos.errors import PayloadError, UnknownName
from protos.measurements import coding_of
from protos.pictures.upload_formats import UPLOAD_FORMATS, Coding, UploadFormat
from splitter import families
from splitter.codecs import kinds as codec_kinds_fitted
from splitter.codecs.coding import write
from splitter.codecs.kind import Calibration, codec_kinds
from splitter.families.loading import load_model
from splitter.recipe import Options
from tests.edge.agent.events.sightings import event
from tests.edge.agent.events.sinks.feeding import feed, running, until, waits
from tests.house import ROOT
from tests.splitter.families.checkpoints import llava_siglip

_FILE = re.compile(r"^`([\w/]+\.py)`:\n\n```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
_FORMAT = re.compile(r"^(UploadFormat\(.*\))$", re.MULTILINE)
PICTURE: Picture = np.random.default_rng(5).integers(0, 256, (96, 160, 3), dtype=np.uint8)

SINK = "edge.agent.events.sinks.lines"
YOURS = "splitter.families.yours"
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
        # of one folder there is one example
        (name,) = (path.name for path in examples if path.parent == place)
        aside = tmp_path / folder.__name__
        aside.mkdir()
        (aside / name).write_text(examples[place / name], encoding="utf-8")
        monkeypatch.setattr(folder, "__path__", [*folder.__path__, str(aside)])

    yield added
    for name in set(sys.modules) - before:
        if name.startswith(
            ("protos.arms.kinds.", "protos.codec.kinds.", "splitter.codecs.kinds.", SINK, YOURS)
        ):
            del sys.modules[name]


def test_an_arm_is_one_file(bundle: Bundle, add: Add) -> None:
    known = len(arms_of(bundle.manifest, bundle.measurements))
    add(arm_kinds)
    assert len(arms_of(bundle.manifest, bundle.measurements)) == known + 1
    with serving(says("yes")) as cloud, CloudClient(cloud.address) as client:
        orchestrator = Orchestrator(bundle, client, DeviceProfile.from_bundle(bundle))
        answer = orchestrator.answer(PICTURE, "what is it?", Rules(route="draft", allow_local=False))
    smallest = min(bundle.measurements.uploads, key=lambda upload: upload.mean_bytes)
    assert answer.route == f"draft@{coding_of(smallest)}"
    assert cloud.requests[0].picture.data


def test_what_was_added_is_gone_again(bundle: Bundle) -> None:
    assert {arm.kind for arm in arms_of(bundle.manifest, bundle.measurements)} == {
        "local",
        "cascade",
        "split",
        "upload",
    }


def test_an_upload_format_is_one_line(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = _FORMAT.findall(guide())
    added: UploadFormat = eval(line, {"UploadFormat": UploadFormat})
    monkeypatch.setitem(UPLOAD_FORMATS, added.name, added)
    data = encode_picture(PICTURE, Coding(added.name, added.qualities[0]))
    assert np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)).shape == PICTURE.shape
    assert open_picture(data, bundle.manifest).size == (160, 96)


def test_a_codec_is_two_files(add: Add, tmp_path: Path) -> None:
    add(codec_kinds_on_the_wire)
    add(codec_kinds_fitted)
    boundary = {"hidden": np.random.default_rng(1).normal(size=(3, 4, 8)).astype(np.float32)}
    (kind,) = codec_kinds(["fp16-flate"])
    (coding,) = kind.fit(Calibration(boundary))
    entry = pb.Cut(name="vision.1", codecs=[coding.describe(boundary)])
    write(entry, [coding], tmp_path)
    (spec,) = entry.codecs
    sender, receiver = (half(spec, tmp_path.joinpath) for half in (wire.sender, wire.receiver))
    payloads = sender.encode({"hidden": boundary["hidden"][0]})
    np.testing.assert_allclose(
        receiver.decode(payloads)["hidden"], boundary["hidden"][0], rtol=1e-3, atol=1e-3
    )
    with pytest.raises(PayloadError, match="damaged"):
        receiver.decode({"hidden": payloads["hidden"][:-8]})
    assert Options(tmp_path, codecs=("fp16-flate",)).codecs == ("fp16-flate",)


def test_a_codec_that_was_added_is_gone_again(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="fp16-flate"):
        Options(tmp_path, codecs=("fp16-flate",))


async def test_a_sink_is_one_file(add: Add, tmp_path: Path) -> None:
    add(sinks)
    kind: Any = importlib.import_module(SINK).LinesSink
    fields = {"kind": "lines", "name": "file", "path": tmp_path / "events"}
    sink = msgspec.convert(fields, sinks.AnySink | kind)
    fed, events = feed(), [event("a"), event("a", "end")]
    async with running(sink, fed, events):
        await until(lambda: not waits(fed))
    assert [Event.parse(line) for line in sink.path.read_bytes().splitlines()] == events


def test_a_family_is_one_file_and_a_line(add: Add, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(families)
    monkeypatch.setitem(families._FAMILIES, "yours", ("yours", "Yours"))
    llava_siglip(tmp_path / "checkpoint")
    model = load_model(tmp_path / "checkpoint")
    model.config.vision_feature_layer, model.config.vision_feature_select_strategy = -1, "full"
    yours = families.family("yours")
    pixels = torch.randn(2, *yours.pixel_shape(model))
    with torch.inference_mode():
        own = torch.stack(list(model.get_image_features(pixels).pooler_output))
        for cut, boundary in families.walk(yours, model, pixels):
            torch.testing.assert_close(families.enter(yours, model, cut, boundary), own, atol=1e-5, rtol=0)
