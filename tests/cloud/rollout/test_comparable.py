"""Which requests two versions can both be given."""

from collections.abc import Callable

import pytest

from cloud.rollout.comparable import comparable_cuts
from protos import bundle_pb2 as pb

ALL = {"pixels", "vision.2", "connector"}


def manifest() -> pb.Manifest:
    """Two pieces, a cut behind each, a codec of each cut."""
    made = pb.Manifest(prompt=pb.Prompt(template="{picture}{question}"))
    for number, cut in enumerate(("vision.2", "connector")):
        made.pieces.add(path=f"edge/{number}.onnx", cut=cut)
        made.cuts.add(name=cut).codecs.add(name="fitted-4", receiver=f"cloud/{cut}.npz")
    for path in (
        "edge/0.onnx",
        "edge/1.onnx",
        "cloud/tokenizer.json",
        "cloud/connector.npz",
        "cloud/weights",
    ):
        made.files.add(path=path, sha256="as it was")
    return made


def altered(path: str) -> Callable[[pb.Manifest], None]:
    def alter(other: pb.Manifest) -> None:
        (entry,) = (file for file in other.files if file.path == path)
        entry.sha256 = "another"

    return alter


def another_template(other: pb.Manifest) -> None:
    other.prompt.template = "{question}{picture}"


def another_size(other: pb.Manifest) -> None:
    other.preprocessing.resizes.add(height=512, width=512)


def another_codec(other: pb.Manifest) -> None:
    other.cuts[0].codecs.add(name="fitted-5")


def a_dual_encoder(other: pb.Manifest) -> None:
    other.matching.scale = 1


@pytest.mark.parametrize(
    ("alter", "cuts"),
    [
        (altered("cloud/weights"), ALL),
        (altered("edge/1.onnx"), ALL - {"connector"}),
        (altered("edge/0.onnx"), {"pixels"}),
        (altered("cloud/connector.npz"), ALL - {"connector"}),
        (another_codec, ALL - {"vision.2"}),
        (altered("cloud/tokenizer.json"), set()),
        (another_template, set()),
        (another_size, set()),
        (a_dual_encoder, set()),
    ],
)
def test_a_cut_is_comparable_where_head_and_codecs_are_the_same(
    alter: Callable[[pb.Manifest], None], cuts: set[str]
) -> None:
    other = manifest()
    alter(other)
    assert comparable_cuts(manifest(), other) == cuts


def test_a_piece_with_weights_beside_it_is_another_where_these_are() -> None:
    one, other = manifest(), manifest()
    for made, digest in ((one, "as it was"), (other, "another")):
        made.files.add(path="edge/1.onnx.weights", sha256=digest)
    assert comparable_cuts(one, other) == ALL - {"connector"}
