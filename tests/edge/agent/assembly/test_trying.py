"""Which other bundle is wanted, and whether it answers."""

from pathlib import Path

import pytest

from edge.agent.assembly.models import open_models
from edge.agent.assembly.trying import open_tried, served_bundle
from edge.agent.config.reading import settings_of
from edge.testing.scripted_cloud import says, serving
from protos import inference_pb2 as pb
from protos.bundle import Bundle, write_manifest
from protos.errors import BundleError
from tests.edge.agent.update.archives import another, unusable

pytestmark = pytest.mark.asyncio
OTHER = "0" * 64


@pytest.mark.parametrize(
    "served",
    [
        "this and another",
        "another",
        "another recommended",
        "this one recommended",
        "of another model",
        "no digest",
        "nothing",
    ],
)
async def test_the_cloud_says_which_bundle_of_this_model_it_serves(bundle: Bundle, served: str) -> None:
    model = bundle.manifest.model
    found = {
        "this and another": [
            pb.Served(digest=OTHER, model=model),
            pb.Served(digest=bundle.digest, model=model),
        ],
        "another": [pb.Served(digest=OTHER, model=model)],
        "another recommended": [
            pb.Served(digest=bundle.digest, model=model),
            pb.Served(digest=OTHER, model=model, recommended=True),
        ],
        "this one recommended": [
            pb.Served(digest=OTHER, model=model),
            pb.Served(digest=bundle.digest, model=model, recommended=True),
        ],
        "of another model": [pb.Served(digest=OTHER, model="other")],
        "no digest": [pb.Served(digest="../../" + OTHER, model=model)],
        "nothing": [],
    }
    wanted = {
        "this and another": bundle.digest,
        "another": OTHER,
        "another recommended": OTHER,
        "this one recommended": bundle.digest,
    }
    with serving(says("a")) as cloud:
        cloud.description = pb.DescribeReply(bundles=found[served])
        table = {
            "bundle": str(bundle.path),
            "cloud": [{"address": "127.0.0.1:1"}, {"address": cloud.address}],
        }
        with open_models(settings_of(table)) as models:
            assert await served_bundle(models) == wanted.get(served, "")


async def test_a_bundle_is_open_once_it_has_answered(bundle_path: Path, tmp_path: Path) -> None:
    found = another(bundle_path, tmp_path / "another")
    opened = await open_tried(settings_of({"bundle": str(found.path)}))
    assert opened.models.key.bundle == found.digest
    opened.close()


async def test_one_whose_models_do_not_fit_each_other_is_refused(bundle_path: Path, tmp_path: Path) -> None:
    found = another(bundle_path, tmp_path / "mixed")
    first, second = (found.path / piece.path for piece in found.manifest.pieces[:2])
    first.unlink()
    first.write_bytes(second.read_bytes())
    write_manifest(found.path, found.manifest)
    with pytest.raises(BundleError, match="and the manifest disagree about"):
        await open_tried(settings_of({"bundle": str(found.path)}))


async def test_one_that_no_runtime_opens_is_refused(bundle_path: Path, tmp_path: Path) -> None:
    found = unusable(bundle_path, tmp_path / "bad")
    with pytest.raises(BundleError, match="is not an ONNX file that can be run"):
        await open_tried(settings_of({"bundle": str(found.path)}))
