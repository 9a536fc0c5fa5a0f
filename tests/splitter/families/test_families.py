"""Every family: a checkpoint on disk is split, and whatever way a question goes, the whole model's answer
comes back.
"""

import json
from contextlib import nullcontext
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from tokenizers import Tokenizer

from cloud.models.tail import Tail
from edge.models.head import Head
from edge.pictures.preprocess import Preprocessor
from edge.upload.feature_encoders import FeatureEncoders
from protos import inference_pb2 as ip
from protos.errors import PictureError
from protos.text.prompt import PromptBuilder
from splitter.evaluate.answers import Prompting, greedy
from splitter.evaluate.own_pipeline import Inputs, differing, own_pipeline
from splitter.evaluate.subjects import Image
from splitter.evaluate.verify import ReferenceModel, image_tokens, spoken
from splitter.families import cut_names, enter, walk
from splitter.families.loading import load_model
from splitter.graph.chain import Chain
from splitter.graph.cut import cut
from splitter.graph.export import export_tower
from splitter.nano.scenes import HELD_OUT_SEEDS, picture
from splitter.quantize.dynamic import to_int8
from tests.cloud.calling import FP32, calling, picture_request
from tests.edge.pictures.picture_files import scene
from tests.splitter.families.made import Made, check_boarding

pytestmark = pytest.mark.slow

QUESTION = "what color is the circle"
SIZES = ((57, 83), (131, 64), (56, 56), (41, 300), (23, 19), (601, 401))
SIX = {"max_new_tokens": 6, "min_new_tokens": 6, "eos_token_id": 2}
ANSWER = ip.Generation(max_tokens=12)
PIXEL_STEP = 1 / 255 / 0.2  # one of 255 levels, in the units of the narrowest deviation


def test_every_cut_passes_the_gate_on_the_way_to_a_bundle(made: Made) -> None:
    identity = json.loads((made.bundle.path / "report.json").read_text())["identity"]
    assert (
        list(identity)
        == [cut.name for cut in made.bundle.manifest.cuts]
        == cut_names(made.family, made.model)
    )
    assert max(identity.values()) < 1e-4
    assert [problem for _, problem in made.bundle.verify() if problem] == []


def test_entering_at_any_cut_gives_the_whole_models_logits(made: Made) -> None:
    whole = ReferenceModel(made.family, made.model, prompts(made))
    prompt = whole.prompting.ids(QUESTION)
    with torch.inference_mode():
        expected = [
            made.family.generate(made.model, prompt, made.pixels[row : row + 1], **SIX) for row in range(2)
        ]
        reached = dict(walk(made.family, made.model, made.pixels))
        for name, boundary in reached.items():
            tokens = enter(made.family, made.model, name, boundary)
            for row, logits in enumerate(expected):
                got = spoken(whole, prompt, tokens[row : row + 1], logits.argmax(-1).tolist())
                torch.testing.assert_close(got, logits, atol=1e-5, rtol=0)
    assert list(reached) == cut_names(made.family, made.model)
    assert (expected[0][0] - expected[1][0]).abs().max() > 0.01, "the picture should matter"


@torch.inference_mode()
def test_a_picture_that_boards_at_any_cut_is_what_it_is_alone(made: Made) -> None:
    check_boarding(made.family, made.model, made.pixels[:1], made.pixels[1:])


def test_rows_side_by_side_say_what_each_says_alone(made: Made) -> None:
    whole = ReferenceModel(made.family, made.model, prompts(made))
    questions = (QUESTION, "is there a red square", "what")
    asked = [whole.prompting.ids(question) for question in questions]
    with torch.inference_mode():
        tokens = image_tokens(made.family, made.model, made.pixels)[[0, 1, 0]]
        rows = made.family.rows(made.model, asked, tokens)
        together = [rows.prefill(), rows.decode([5, 6, 7])]
        rows.keep([2, 0])
        together.append(rows.decode([8, 9]))
        for row, said in enumerate(([5, 9], [6], [7, 8])):
            alone = spoken(whole, asked[row], tokens[row : row + 1], [*said, 0])
            place = {2: 0, 0: 1}.get(row)
            got = [together[0][row], together[1][row], *([] if place is None else [together[2][place]])]
            torch.testing.assert_close(torch.stack(got), alone, atol=1e-5, rtol=0)


def test_following_answers_gives_the_logits_of_writing_them(made: Made) -> None:
    prompting = prompts(made)
    asked = [prompting.ids(question) for question in (QUESTION, "what")]
    with torch.inference_mode():
        tokens = image_tokens(made.family, made.model, made.pixels)
        written = made.family.rows(made.model, asked, tokens)
        together = torch.stack([written.prefill(), written.decode([5, 6]), written.decode([7, 8])], 1)
        followed = made.family.rows(made.model, asked, tokens).teacher_force(
            torch.tensor([[5, 7, 9], [6, 8, 9]])
        )
    torch.testing.assert_close(followed, together, atol=1e-5, rtol=0)


def test_the_pieces_chain_to_what_the_uncut_int8_graph_gives(made: Made) -> None:
    uncut = to_int8(export_tower(made.family, made.model))
    (expected,) = Chain([uncut]).run(made.pixels.numpy())
    cuts = [[value.name for value in piece.outputs] for piece in made.bundle.manifest.pieces]
    for arrays in Chain(cut(uncut, cuts)).run(made.pixels.numpy()):
        boundary = arrays.keys() & expected.keys()
        assert boundary
        for name in boundary:
            np.testing.assert_array_equal(arrays[name], expected[name])


def test_attention_is_one_node_that_onnxruntime_runs_fused(made: Made) -> None:
    graphs = [onnx.load(made.bundle.file(piece.path)).graph for piece in made.bundle.manifest.pieces]
    kinds = {node.op_type for graph in graphs for node in graph.node}
    assert "MultiHeadAttention" in kinds
    assert "Softmax" not in kinds


@pytest.mark.parametrize("size", SIZES)
def test_preprocessing_without_torch_is_the_processors(made: Made, size: tuple[int, int]) -> None:
    preprocessor, seen = Preprocessor(made.family.preprocessing(made.processor)), scene(*size)

    resized = preprocessor.resize(seen)

    (expected,) = made.family.resized(made.processor, [seen])
    assert np.abs(resized.astype(int) - expected).max() <= 2
    pixels = preprocessor.pixels(expected)
    np.testing.assert_allclose(pixels, made.family.pixels(made.processor, [seen]).numpy(), atol=1e-5)
    assert np.array_equal(preprocessor.resize(resized), resized), (
        "what a device uploads is not resized again by the cloud"
    )


@pytest.mark.parametrize("codec", ["fp16-zstd", "int8-zstd", "fitted-1"])
async def test_the_service_answers_about_features_as_the_tail_does_in_process(made: Made, codec: str) -> None:
    pixels = made.family.pixels(made.processor, [scene_picture()]).numpy()
    head, senders, said = Head(made.bundle), FeatureEncoders(made.bundle), []
    async with calling(tail := Tail(made.bundle, FP32)) as caller:
        for entry in made.bundle.manifest.cuts:
            payloads = senders.encode(entry.name, codec, head.run(pixels, entry.name).boundary)
            boundary, _ = tail.unpack(entry.name, codec, payloads)
            features = ip.Features(
                cut=entry.name,
                codec=codec,
                payloads=[ip.Payload(name=n, data=d) for n, d in payloads.items()],
            )
            got = await caller.ask(
                ip.InferRequest(
                    bundle=tail.bundle.id, question=QUESTION, features=features, generation=ANSWER
                )
            )
            assert got.text.strip() == answer(made, entry.name, boundary)
            said.append(got.text.strip())
    assert any(said)


async def test_the_service_answers_about_a_picture_as_the_whole_model_does_in_process(made: Made) -> None:
    pixels = made.family.pixels(made.processor, [scene_picture()])
    with torch.inference_mode():
        *_, (name, boundary) = walk(made.family, served(made), pixels)
    async with calling(Tail(made.bundle, FP32)) as caller:
        got = await caller.ask(picture_request(made.bundle, scene_picture(), QUESTION, generation=ANSWER))
    assert got.text.strip() == answer(made, name, boundary) != ""


@pytest.mark.parametrize("question", [QUESTION, 'what does "{question}" SAY?\nof 12', " two  blanks "])
def test_a_whole_request_is_the_checkpoints_own(made: Made, question: str) -> None:
    """What stands in the bundle, read as a device and the cloud read it, against transformers' processor."""
    own, seen, manifest = own_request(made, question), scene(90, 128), made.bundle.manifest
    tokenizer = Tokenizer.from_file(str(made.bundle.folder("cloud") / "tokenizer.json"))
    preprocessor = Preprocessor(manifest.preprocessing)
    pixels = torch.from_numpy(preprocessor.pixels(preprocessor.resize(seen)))
    ids = PromptBuilder(tokenizer, manifest.prompt, manifest.limits).build(question)
    ours = made.family.inputs(made.model, ids, pixels)
    assert {"input_ids", "pixel_values"} <= own.keys() & ours.keys()
    assert own["input_ids"].tolist() == ours["input_ids"].tolist()
    assert (own["pixel_values"] - ours["pixel_values"]).abs().max() <= 2 * PIXEL_STEP
    assert differing(own, ours | {"pixel_values": own["pixel_values"]}, 0) == []


async def test_the_service_answers_as_the_checkpoints_own_generate_does(made: Made) -> None:
    pipeline = own_pipeline(made.family, made.folder, made.model.config, made.processor)
    own = pipeline.inputs(scene_picture(), QUESTION)
    assert own
    said = pipeline.answer(served(made), own, ANSWER.max_tokens)
    stops = made.bundle.manifest.prompt.stop_tokens
    ended = next((place for place, token in enumerate(said) if token in stops), len(said))
    async with calling(Tail(made.bundle, FP32)) as caller:
        got = await caller.ask(picture_request(made.bundle, scene_picture(), QUESTION, generation=ANSWER))
    assert got.text.strip() == prompts(made).decode(said[:ended]) != ""


def own_request(made: Made, question: str) -> Inputs:
    pipeline = own_pipeline(made.family, made.folder, made.model.config, made.processor)
    own = pipeline.inputs(scene(90, 128), question)
    assert own, pipeline.absent
    return own


def test_a_picture_whose_resize_has_no_bound_is_refused(made: Made) -> None:
    grows = any(step.shortest_edge for step in made.bundle.manifest.preprocessing.resizes)
    with pytest.raises(PictureError, match="up to 50 times as long as wide") if grows else nullcontext():
        Tail(made.bundle, FP32).preprocess(np.zeros((4, 201, 3), np.uint8))


def prompts(made: Made) -> Prompting:
    tokenizer = Tokenizer.from_file(str(made.bundle.folder("cloud") / "tokenizer.json"))
    return Prompting(made.bundle.manifest.prompt, tokenizer)


def served(made: Made) -> Any:
    """The tail's model: FP16 weights."""
    return load_model(made.bundle.folder("cloud"))


def answer(made: Made, cut: str, boundary: dict[str, torch.Tensor]) -> str:
    model = served(made)
    with torch.inference_mode():
        tokens = enter(made.family, model, cut, boundary)
    return greedy(made.family, model, prompts(made), tokens, [(0, QUESTION)], max_tokens=ANSWER.max_tokens)[0]


def scene_picture() -> Image:
    return picture(HELD_OUT_SEEDS + 4).image[:90]
