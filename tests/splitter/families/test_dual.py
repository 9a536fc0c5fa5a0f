"""CLIP and SigLIP: wherever they are cut and whoever compares, a picture and a text lie where the whole model
puts them.
"""

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import openai
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from cloud.models.dual_encoder import DualEncoder
from edge.models.dual_encoder import LocalDualEncoder
from edge.models.head import Head
from edge.models.text_tower import TextTower
from edge.pictures.files import decode_picture
from edge.pictures.preprocess import Preprocessor
from edge.upload.feature_encoders import FeatureEncoders
from protos import bundle_pb2 as pb
from protos import inference_pb2 as ip
from protos.bundle import Bundle
from protos.errors import CheckpointError, NoRoute, PromptError, RequestError
from protos.held_out import read_held_out
from protos.labels import Labels
from protos.matching import label_texts, scores
from splitter.evaluate.matching import LabelFidelity, read_dual_encoder
from splitter.evaluate.subjects import Image
from splitter.families import cut_names, enter, generative, walk
from splitter.families.clip import Clip, Siglip
from splitter.families.loading import load_model, load_processor
from splitter.families.texts import text_tokenizer
from splitter.graph.chain import Chain
from splitter.graph.cut import cut
from splitter.graph.export import export_tower
from splitter.nano import WEIGHTS
from splitter.nano.scenes import picture
from splitter.quantize.dynamic import to_int8
from splitter.recipe import Options
from splitter.silence import silence_libraries
from splitter.split import split
from tests.cloud.calling import FP32, SECRET, calling, picture_request, png
from tests.edge.pictures.picture_files import scene
from tests.splitter.families.dual_checkpoints import clip
from tests.splitter.families.duals import LABELS, Dual, of_length_1
from tests.splitter.families.made import check_boarding

pytestmark = pytest.mark.slow

SIZES = ((57, 83), (131, 64), (56, 56), (41, 300), (601, 401))


def test_every_cut_passes_the_gate_on_the_way_to_a_bundle(dual: Dual) -> None:
    identity = json.loads((dual.bundle.path / "report.json").read_text())["identity"]
    assert (
        list(identity)
        == [cut.name for cut in dual.bundle.manifest.cuts]
        == cut_names(dual.family, dual.model)
    )
    assert max(identity.values()) < 1e-4
    assert [problem for _, problem in dual.bundle.verify() if problem] == []


def test_entering_at_any_cut_gives_the_whole_models_embedding(dual: Dual) -> None:
    with torch.inference_mode():
        expected = dual.model.get_image_features(pixel_values=dual.pixels).pooler_output
        for name, boundary in walk(dual.family, dual.model, dual.pixels):
            got = enter(dual.family, dual.model, name, boundary)
            torch.testing.assert_close(got[:, 0], expected, atol=1e-4, rtol=0)
    assert float(functional.cosine_similarity(expected[:1], expected[1:])) < 0.999, (
        "the picture should matter"
    )


@torch.inference_mode()
def test_a_picture_that_boards_at_any_cut_is_what_it_is_alone(dual: Dual) -> None:
    check_boarding(dual.family, dual.model, dual.pixels[:1], dual.pixels[1:])


def test_the_last_cut_is_the_embedding_as_one_token(dual: Dual) -> None:
    last = dual.bundle.manifest.cuts[-1]
    assert last.name == {"clip": "projection", "siglip": "pooled"}[dual.family.name]
    assert [list(tensor.shape) for tensor in last.boundary] == [[1, dual.bundle.manifest.matching.width]]


def test_the_pieces_chain_to_what_the_uncut_int8_graph_gives(dual: Dual) -> None:
    with silence_libraries():
        uncut = to_int8(export_tower(dual.family, dual.model))
    (expected,) = Chain([uncut]).run(dual.pixels.numpy())
    cuts = [[value.name for value in piece.outputs] for piece in dual.bundle.manifest.pieces]
    for arrays in Chain(cut(uncut, cuts)).run(dual.pixels.numpy()):
        assert arrays.keys() <= expected.keys()
        for name, values in arrays.items():
            np.testing.assert_array_equal(values, expected[name])


def test_held_out_pictures_come_with_the_label_that_the_whole_model_finds_best(dual: Dual) -> None:
    held_out = read_held_out(dual.bundle)
    pictures = [decode_picture(one.file) for one in held_out.pictures]
    texts = dual.texts(label_texts(dual.bundle.manifest.matching, LABELS))
    fits = dual.pictures(dual.family.pixels(dual.processor, pictures)) @ texts.T
    assert [one.answer for one in held_out.pictures] == [LABELS[best] for best in fits.argmax(1)]
    assert [one.question for one in held_out.pictures] == ["", ""]


@pytest.mark.parametrize("size", SIZES)
def test_preprocessing_without_torch_is_the_processors(dual: Dual, size: tuple[int, int]) -> None:
    preprocessor, seen = Preprocessor(dual.family.preprocessing(dual.processor)), scene(*size)
    resized = preprocessor.resize(seen)
    (expected,) = dual.family.resized(dual.processor, [seen])
    assert np.abs(resized.astype(int) - expected).max() <= 2
    np.testing.assert_allclose(
        preprocessor.pixels(expected), dual.family.pixels(dual.processor, [seen]).numpy(), atol=1e-5
    )


def test_texts_are_read_as_the_family_reads_them(dual: Dual) -> None:
    texts = ["a photo of a cat", "This IS a  DOG!", "word " * 100]
    expected = dual.processor.tokenizer(texts, padding="max_length", truncation=True)["input_ids"]
    core = text_tokenizer(dual.processor, dual.family.text_length(dual.model))
    assert [encoded.ids for encoded in core.encode_batch(texts)] == expected
    assert len(expected[0]) == {"clip": 77, "siglip": 64}[dual.family.name]


def test_a_tokenizer_that_cannot_pad_is_refused(tmp_path: Path) -> None:
    clip(tmp_path)
    processor = load_processor(tmp_path)
    processor.tokenizer.pad_token = None
    with pytest.raises(CheckpointError, match=r"write pad_token into tokenizer_config\.json"):
        text_tokenizer(processor, 8)


def test_siglips_texts_are_the_same_in_capitals_and_with_punctuation(dual: Dual) -> None:
    plain, dressed = dual.texts(["a photo of a cat"]), dual.texts(["A photo, of a CAT!"])
    assert np.allclose(plain, dressed) == (dual.family.name == "siglip"), "CLIP reads punctuation"


def test_the_bundle_brings_the_whole_models_embeddings_of_its_labels(dual: Dual) -> None:
    own = Labels.own(dual.bundle)
    assert own is not None
    assert own.names == LABELS
    np.testing.assert_allclose(
        own.embeddings, dual.texts(label_texts(dual.bundle.manifest.matching, LABELS)), atol=1e-5
    )


def test_its_losses_are_of_the_probabilities_of_labels(dual: Dual) -> None:
    measured, local = dual.bundle.measurements, dual.bundle.measurements.local
    assert (measured.measure, measured.count, measured.pictures) == ("label fidelity", 2, 2)
    assert measured.accuracy == pytest.approx(100)
    best = max(codec.accuracy for codec in measured.cuts[dual.bundle.manifest.cuts[-1].name].codecs.values())
    assert 90 < best <= 100
    assert 90 < local.accuracy <= 100


def test_label_fidelity_is_by_the_probabilities_that_a_device_is_told(dual: Dual) -> None:
    held = read_dual_encoder(dual.family, dual.model, dual.processor, LABELS)
    tokens = torch.from_numpy(dual.pictures(dual.pixels))[:, None]
    moved = tokens + 0.1 * torch.randn(tokens.shape, generator=torch.Generator().manual_seed(0))
    texts = dual.texts(label_texts(held.matching, LABELS))

    def probabilities(embedding: torch.Tensor) -> NDArray[np.float64]:
        picture = of_length_1(embedding)[0]
        told = {s.label: s.probability for s in scores(held.matching, LABELS, texts, picture)}
        return np.array([told[label] for label in LABELS])

    apart = []
    for whole, arm in zip(tokens, moved, strict=True):
        p, q = probabilities(whole), probabilities(arm)
        if held.matching.kind == pb.Matching.SIGMOID:
            apart += list(p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q)))
        else:
            apart.append((p * np.log(p / q)).sum())
    expected = 100 * np.exp(-np.mean(apart))
    assert LabelFidelity(held, lambda: tokens).of(moved).accuracy == pytest.approx(expected, rel=1e-3)


def test_the_devices_text_tower_is_near_the_whole_models(dual: Dual) -> None:
    texts = ["a photo of a cat", "zebras", "x"]
    cosines = (TextTower(dual.bundle).embed(texts) * dual.texts(texts)).sum(1)
    assert cosines.min() > 0.99


def test_a_text_is_embedded_as_by_itself_whatever_stands_beside_it(dual: Dual) -> None:
    tower = TextTower(dual.bundle)
    texts = ["a photo of a cat", "zebras", "x"]
    np.testing.assert_array_equal(tower.embed(texts), np.concatenate([tower.embed([t]) for t in texts]))


async def test_the_service_ranks_labels_at_every_cut_as_the_whole_model_does(dual: Dual) -> None:
    head, senders, pixels = Head(dual.bundle), FeatureEncoders(dual.bundle), dual.pixels[:1].numpy()
    async with calling(tail := DualEncoder(dual.bundle, FP32)) as caller:
        for cut in dual.bundle.manifest.cuts:
            payloads = senders.encode(cut.name, "fp16-zstd", head.run(pixels, cut.name).boundary)
            features = ip.Features(
                cut=cut.name,
                codec="fp16-zstd",
                payloads=[ip.Payload(name=n, data=d) for n, d in payloads.items()],
            )
            got = await caller.ask(
                ip.InferRequest(bundle=tail.bundle.id, features=features, labels=["cat", "quiz"])
            )
            boundary, _ = tail.unpack(cut.name, "fp16-zstd", payloads)
            with torch.inference_mode():
                embedding = of_length_1(enter(dual.family, dual.model, cut.name, boundary)[:, 0])
            expected = embedding @ dual.texts(label_texts(dual.bundle.manifest.matching, ["cat", "quiz"])).T
            assert got.text == got.done.scores[0].label == ("cat", "quiz")[int(expected.argmax())]
            by_label = {score.label: score.similarity for score in got.done.scores}
            # the tail's weights are FP16
            np.testing.assert_allclose([by_label["cat"], by_label["quiz"]], expected[0], atol=2e-3)


async def test_probabilities_are_those_of_the_family(dual: Dual) -> None:
    async with calling(DualEncoder(dual.bundle, FP32)) as caller:
        got = await caller.ask(picture_request(dual.bundle, photo(), ""))
    inputs = dual.processor.tokenizer(
        label_texts(dual.bundle.manifest.matching, LABELS), padding="max_length", return_tensors="pt"
    )
    with torch.inference_mode():
        out = dual.model(
            input_ids=inputs["input_ids"], pixel_values=dual.family.pixels(dual.processor, [photo()])
        )
    logits = out.logits_per_image[0]
    expected = logits.softmax(0) if dual.family.name == "clip" else logits.sigmoid()
    assert [score.label for score in got.done.scores] == [
        LABELS[int(place)] for place in logits.argsort(descending=True)
    ]
    np.testing.assert_allclose(
        [score.probability for score in got.done.scores],
        sorted((float(p) for p in expected), reverse=True),
        atol=5e-3,
    )


async def test_a_frame_seen_before_is_compared_with_other_labels_and_uploads_nothing(dual: Dual) -> None:
    async with calling(DualEncoder(dual.bundle, FP32)) as caller:
        first = await caller.ask(picture_request(dual.bundle, photo(), "", labels=["cat", "dog"]))
        again = ip.InferRequest(
            bundle=dual.bundle.id,
            cached_frame=first.done.frame,
            labels=["quiz", "dog"],
            client_secret=SECRET,
        )
        second = await caller.ask(again)
    by_label = [{score.label: score.similarity for score in answer.done.scores} for answer in (first, second)]
    assert by_label[0]["dog"] == pytest.approx(by_label[1]["dog"], abs=1e-6)


def test_a_cached_text_does_not_keep_the_request_that_it_came_with(dual: Dual) -> None:
    tail = DualEncoder(dual.bundle, FP32)
    tail.embed_texts(["cat", "zebras"])
    assert all(row.base is None for row in tail.cached_texts(["cat", "zebras", "unread"]).values())
    assert set(tail.cached_texts(["cat", "unread"])) == {"cat"}


async def test_embed_gives_pictures_and_texts_of_length_1(dual: Dual) -> None:
    async with calling(DualEncoder(dual.bundle, FP32)) as caller:
        texts = await caller.stub.Embed(
            ip.EmbedRequest(bundle=dual.bundle.id, texts=ip.Texts(texts=["cat", "zebras"]))
        )
        seen = await caller.stub.Embed(
            ip.EmbedRequest(
                bundle=dual.bundle.id,
                picture=ip.Picture(data=png(photo())),
                client_secret=SECRET,
            )
        )
    np.testing.assert_allclose(
        [row.values for row in texts.embeddings], dual.texts(["cat", "zebras"]), atol=2e-3
    )
    (embedding,) = seen.embeddings
    with torch.inference_mode():
        expected = of_length_1(
            dual.family.picture_embedding(dual.model, dual.family.pixels(dual.processor, [photo()]))
        )
    np.testing.assert_allclose(embedding.values, expected[0], atol=2e-3)
    assert np.linalg.norm(embedding.values) == pytest.approx(1, abs=1e-5)
    assert seen.frame


async def test_openai_s_client_gets_the_same_embeddings(dual: Dual) -> None:
    model, url = dual.bundle.manifest.model, "data:image/png;base64," + b64encode(png(photo())).decode()
    async with (
        calling(DualEncoder(dual.bundle, FP32), http=("127.0.0.1", 0)) as caller,
        openai.AsyncOpenAI(base_url=f"{caller.service.http_url}/v1", api_key="none", max_retries=0) as client,
    ):
        texts = await client.embeddings.create(model=model, input=["cat", "zebras"])
        (seen,) = (await client.embeddings.create(model=model, input=url)).data
        labelled = await client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}],
            extra_body={"isthmus": {"labels": ["cat", "zebras"]}},
        )
    rows = [row.embedding for row in texts.data]
    np.testing.assert_allclose(rows, dual.texts(["cat", "zebras"]), atol=2e-3)
    assert np.linalg.norm(seen.embedding) == pytest.approx(1, abs=1e-5)
    assert labelled.choices[0].message.content in {"cat", "zebras"}
    assert len((labelled.model_extra or {})["isthmus"]["label_scores"]) == 2


def test_the_device_ranks_as_the_service_does_but_for_int8(dual: Dual) -> None:
    last = dual.bundle.manifest.pieces[-1].cut
    (embedding,) = Head(dual.bundle).run(dual.pixels[:1].numpy(), last).boundary.values()
    local, labels = LocalDualEncoder(dual.bundle), ("cat", "something unheard of")
    here = {score.label: score.similarity for score in local.compare(np.asarray(embedding[0, 0]), labels, {})}
    with torch.inference_mode():
        whole = of_length_1(dual.family.picture_embedding(dual.model, dual.pixels[:1]))
    expected = whole @ dual.texts(label_texts(dual.bundle.manifest.matching, labels)).T
    np.testing.assert_allclose([here[label] for label in labels], expected[0], atol=0.1)
    assert local.unread([*labels, "another"], {}) == ["another"], "labels are read once"


async def test_labels_that_cannot_be_are_refused_by_the_service(dual: Dual) -> None:
    async with calling(DualEncoder(dual.bundle, FP32)) as caller:
        for labels, message in bad_labels(dual.bundle.manifest.matching):
            _, said = await caller.refusal(picture_request(dual.bundle, photo(), "", labels=labels))
            assert message in said


def test_labels_that_cannot_be_are_refused_by_the_splitter(dual: Dual, tmp_path: Path) -> None:
    for labels in (("cat", "cat"), ("cat", " ")):
        with silence_libraries(), pytest.raises(PromptError, match=r"given twice|is empty"):
            split(
                Options(dual.folder, calibration=dual.photos, labels=labels),
                tmp_path / "bundle",
                say=lambda _: None,
            )
    with silence_libraries(), pytest.raises(RequestError, match="no place for a label"):
        split(
            Options(dual.folder, calibration=dual.photos, template="a photo"),
            tmp_path / "bundle",
            say=lambda _: None,
        )


def test_a_dual_encoder_answers_no_questions(dual: Dual) -> None:
    with pytest.raises(CheckpointError, match="matches pictures with texts and answers no questions"):
        generative(dual.family)


def test_without_a_text_tower_the_device_says_what_it_lacks(dual: Dual) -> None:
    bare = Bundle(
        dual.bundle.path, pb.Manifest.FromString(dual.bundle.manifest.SerializeToString()), dual.bundle.digest
    )
    bare.manifest.local.decoder = ""
    local = LocalDualEncoder(bare)
    assert local.unavailable_reason(LABELS, {}) == ""
    assert "no embedding of 'owl' on this device" in local.unavailable_reason(["cat", "owl"], {})
    assert local.unavailable_reason(["owl"], {"owl": np.ones(bare.manifest.matching.width, np.float32)}) == ""
    with pytest.raises(NoRoute, match="--with-local, or give a cloud"):
        local.compare(np.ones(bare.manifest.matching.width, np.float32), ["owl"], {})


def bad_labels(matching: pb.Matching) -> Iterator[tuple[list[str], str]]:
    yield ["cat", ""], "label or text 2 of 2 is empty; leave it out"
    yield ["cat", "cat"], "the label 'cat' is given twice"
    yield ["x" * (matching.max_text_bytes + 1)], "make it shorter"
    yield [f"label {i}" for i in range(matching.max_texts + 1)], "give fewer"


def photo() -> Image:
    return picture(77).image[:90]


def test_clips_text_tower_finds_the_end_of_older_checkpoints_too(tmp_path: Path) -> None:
    """Their configuration says 2, and the end token is the one with the greatest number."""
    clip(tmp_path)
    said = json.loads((tmp_path / "config.json").read_text())
    said["text_config"]["eos_token_id"] = 2
    (tmp_path / "config.json").write_text(json.dumps(said))
    model, kind = load_model(tmp_path), Clip()
    encoded = text_tokenizer(load_processor(tmp_path), 77).encode_batch(["a cat", "of a photo of a dog"])
    ids = torch.tensor([one.ids for one in encoded])
    with torch.inference_mode():
        embeds = model.text_model.embeddings.token_embedding(ids)
        torch.testing.assert_close(kind.text_tower(model, ids, embeds), kind.text_embedding(model, ids))


def test_a_siglip_without_a_pooling_head_is_refused() -> None:
    model: Any = SimpleNamespace(config=SimpleNamespace(vision_config=SimpleNamespace(vision_use_head=False)))
    with pytest.raises(CheckpointError, match="vision_use_head is false"):
        Siglip().after_layers(model)


def test_a_tokenizer_that_only_sentencepiece_reads_is_refused() -> None:
    processor: Any = SimpleNamespace(tokenizer=SimpleNamespace(pad_token_id=0))
    with pytest.raises(CheckpointError, match=r"put tokenizer.json beside it"):
        text_tokenizer(processor, 64)


def test_a_model_that_answers_questions_is_split_without_labels(tmp_path: Path) -> None:
    with silence_libraries(), pytest.raises(CheckpointError, match="leave out --labels and --template"):
        split(Options(WEIGHTS, labels=("cat",)), tmp_path / "bundle", say=lambda _: None)
