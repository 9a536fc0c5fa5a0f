"""A bundle of a model that sees pictures in tiles: the service and the device answer as the whole model
does.
"""

import asyncio
import json

import cv2
import grpc
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from bench.codec.candidates.candidate import FeatureCandidate, PictureCandidate, payload_size, request_size
from bench.codec.candidates.cloud_half import CloudHalf, check_one_tile
from bench.codec.candidates.device_half import DeviceHalf
from bench.codec.candidates.uploads import Upload
from bench.codec.evaluation.captions import NLL, CaptionEvaluator
from bench.codec.evaluation.evaluation_set import EvaluationSet
from bench.codec.evaluation.questions import QuestionEvaluator
from cloud.models.tail import Tail
from edge.costs.measure import measure
from edge.link.client import CloudClient
from edge.models.head import Head
from edge.models.local_model import LocalModel
from edge.pictures.preprocess import Preprocessor
from edge.requests.answer import Answer
from edge.requests.orchestrator import Orchestrator
from edge.upload.feature_encoders import FeatureEncoders
from protos import inference_pb2 as ip
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.costs.profile import DeviceProfile
from protos.errors import PromptError, RequestError
from protos.pictures.tiles import Grid
from splitter.evaluate.answers import Prompting, greedy
from splitter.evaluate.subjects import AGREEMENT, Image
from splitter.families import enter, generative
from splitter.families import family as family_named
from splitter.families.loading import load_model
from splitter.nano.questions import Question
from splitter.nano.scenes import picture
from splitter.recipe import Options
from splitter.silence import silence_libraries
from splitter.split import split
from tests.cloud.calling import FP32, SECRET, calling, picture_request
from tests.edge.pictures.picture_files import scene
from tests.splitter.families.checkpoints import idefics3

pytestmark = pytest.mark.slow

QUESTION, ANOTHER = "what color is the circle", "is there a red square"
WIDE, TALL = scene(40, 300), scene(131, 64)
CUTS = ["vision.2", "connector"]
FEW = ip.Generation(max_tokens=8)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    place = tmp_path_factory.mktemp("tiled")
    idefics3(place / "checkpoint")
    (place / "photos").mkdir()
    for seed in range(9):
        cv2.imwrite(
            str(place / f"photos/{seed}.png"),
            cv2.resize(picture(seed).image, (71 + 37 * seed, 149))[..., ::-1],
        )
    options = Options(
        place / "checkpoint",
        cuts=tuple(CUTS),
        calibration=place / "photos",
        with_local=True,
        calibration_pictures=3,
        report_pictures=3,
    )
    with silence_libraries():
        return split(options, place / "bundle", say=lambda _: None)


@pytest.fixture(scope="module")
def tail(bundle: Bundle) -> Tail:
    return Tail(bundle, FP32)


def test_every_cut_passes_the_gate(bundle: Bundle) -> None:
    identity = json.loads((bundle.path / "report.json").read_text())["identity"]
    assert list(identity) == CUTS
    assert max(identity.values()) < 1e-4


def test_the_manifest_says_how_a_picture_becomes_tiles_and_words(bundle: Bundle) -> None:
    tiles, prompt = bundle.manifest.preprocessing.tiles, bundle.manifest.prompt
    assert (tiles.side, tiles.max, prompt.image_tokens) == (56, 17, 4)
    # the report's pictures: 71, 219 and 367 wide, all 149 high
    assert bundle.measurements.mean_tiles == pytest.approx((9 + 13 + 9) / 3)
    assert bundle.manifest.limits.max_prompt_tokens == 256 - 64
    assert bundle.manifest.pieces[0].inputs[0].shape == [3, 56, 56]


def test_a_payload_holds_all_tiles(bundle: Bundle) -> None:
    exact = bundle.measurements.cuts["vision.2"].codecs["fp16-zstd"]
    numbers = 16 * 48
    assert exact.mean_bytes > 0.8 * bundle.measurements.mean_tiles * numbers * 2


@pytest.mark.parametrize("codec", ["fp16-zstd", "int8-zstd", "fitted-1"])
async def test_the_service_answers_about_tiles_as_the_tail_does_in_process(
    bundle: Bundle, tail: Tail, codec: str
) -> None:
    async with calling(tail) as caller:
        for cut in CUTS:
            for photo, grid in ((WIDE, Grid(1, 4)), (TALL, Grid(4, 2))):
                features = sent(bundle, photo, cut, codec)
                assert (features.rows, features.columns) == grid
                payloads = {payload.name: payload.data for payload in features.payloads}
                boundary, _ = tail.unpack(cut, codec, payloads, grid.tiles)
                got = await caller.ask(
                    ip.InferRequest(
                        bundle=tail.bundle.id, question=QUESTION, features=features, generation=FEW
                    )
                )
                assert got.text.strip() == whole_answer(bundle, cut, boundary, grid) != ""


async def test_an_upload_and_a_frame_seen_before_are_answered_as_in_process(
    bundle: Bundle, tail: Tail
) -> None:
    pixels, grid = tail.preprocess(TALL)
    async with calling(tail) as caller:
        first = await caller.ask(picture_request(bundle, TALL, QUESTION, generation=FEW))
        again = await caller.ask(
            ip.InferRequest(
                bundle=tail.bundle.id,
                question=ANOTHER,
                cached_frame=first.done.frame,
                generation=FEW,
                client_secret=SECRET,
            )
        )
    with torch.inference_mode():
        boundary = tail.cached_boundary(tail.enter("pixels", [pixels]))[1]
    assert first.text.strip() == whole_answer(bundle, "connector", boundary, grid) != ""
    assert again.text.strip() == whole_answer(bundle, "connector", boundary, grid, ANOTHER) != ""


async def test_pictures_of_different_grids_are_answered_in_one_batch(bundle: Bundle, tail: Tail) -> None:
    requests = [
        ip.InferRequest(
            bundle=tail.bundle.id,
            question=QUESTION,
            features=sent(bundle, photo, "vision.2", "fp16-zstd"),
            generation=FEW,
        )
        for photo in (WIDE, TALL, WIDE, scene(56, 56))
    ]
    async with calling(tail) as caller:
        alone = [(await caller.ask(request)).text for request in requests]
        together = await asyncio.gather(*map(caller.ask, requests))
    assert [answer.text for answer in together] == alone


@pytest.mark.parametrize(
    ("rows", "columns", "words"),
    [
        (4, 5, "4 x 5 tiles and the whole; this model takes at most 17"),
        (0, 4, "0 x 4 tiles"),
        (4, 0, "4 x 0 tiles"),
        (2**32 - 1, 2**32 - 1, "at most 17"),
        (1, 3, "tensor 'hidden'"),
        (4, 4, "tensor 'hidden'"),
        (0, 0, "tensor 'hidden'"),
    ],
)
@pytest.mark.parametrize("codec", ["fp16-zstd", "int8-zstd", "fitted-1"])
async def test_a_grid_that_cannot_be_or_is_not_the_payloads_is_refused(
    bundle: Bundle, tail: Tail, rows: int, columns: int, words: str, codec: str
) -> None:
    features = sent(bundle, WIDE, "vision.2", codec)
    features.rows, features.columns = rows, columns
    async with calling(tail) as caller:
        status, message = await caller.refusal(
            ip.InferRequest(bundle=tail.bundle.id, question=QUESTION, features=features)
        )
    assert status in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED)
    assert words in message or codec == "fitted-1"


def test_a_question_with_the_mark_of_a_picture_is_refused(bundle: Bundle, tail: Tail) -> None:
    for build in (tail.prompts.build, LocalModel(bundle).prompts.build):
        with pytest.raises(PromptError, match="leave it out"):
            build("what is <image>", Grid(2, 3))


def test_the_device_and_the_cloud_write_the_same_prompt(bundle: Bundle, tail: Tail) -> None:
    for grid in (Grid(), Grid(1, 4), Grid(4, 4)):
        assert LocalModel(bundle).prompts.build(QUESTION, grid) == tail.prompts.build(QUESTION, grid)


@pytest.mark.parametrize("route", ["split@vision.2/fp16-zstd", "split@connector/fitted-1", "upload"])
async def test_the_device_asks_the_cloud(bundle: Bundle, tail: Tail, route: str) -> None:
    async with calling(tail) as caller:
        first, again = await asyncio.to_thread(ask_twice, bundle, caller.service.address, TALL, route)
    assert first.route.startswith(route)
    assert again.route == "cached"
    assert first.text != ""
    assert again.text == first.text


def test_the_device_answers_alone(bundle: Bundle) -> None:
    device = Orchestrator(bundle, None, DeviceProfile.from_bundle(bundle))

    answer = device.answer(TALL, QUESTION, Rules(route="local"), generation=FEW)

    (tokens,) = Head(bundle).run(pixels(bundle, TALL), "connector").boundary.values()
    expected = LocalModel(bundle).answer(np.concatenate(tokens), QUESTION, FEW.max_tokens, Grid(4, 2))
    assert answer.route == "local"
    assert answer.text == "".join(expected) != ""


def test_a_profile_is_of_one_tile(bundle: Bundle) -> None:
    profile = measure(bundle, seconds=0)
    assert list(profile.pieces) == CUTS
    assert min(profile.prefill_ms, profile.token_ms, *profile.pieces.values()) > 0


def test_a_bench_sees_tiles_and_answers_about_them_as_the_tail_does(bundle: Bundle) -> None:
    cloud = CloudHalf(bundle)
    seen = cloud.encode_images([WIDE, TALL])
    assert seen.grids == [Grid(1, 4), Grid(4, 2)]
    said = QuestionEvaluator(cloud.reference_model, asked(WIDE, TALL)).answer(seen)
    (name,) = (tensor.name for tensor in bundle.cut("connector").boundary)
    tiles = seen.tokens[:5], seen.tokens[5:]
    assert said == [
        whole_answer(bundle, "connector", {name: part}, grid, max_tokens=64)
        for part, grid in zip(tiles, seen.grids, strict=True)
    ]


@pytest.mark.parametrize("codec", ["fp16-zstd", "int8-zstd", "fitted-1"])
def test_a_bench_decodes_all_tiles(bundle: Bundle, codec: str) -> None:
    cloud = CloudHalf(bundle)
    device, spec = DeviceHalf(bundle, [WIDE, TALL]), bundle.codec("vision.2", codec)
    candidate = FeatureCandidate(device, cloud, "vision.2", spec)
    sent = [candidate.encode(index) for index in range(2)]
    found, wanted = candidate.image_tokens(sent), cloud.encode_images([WIDE, TALL])
    assert found.grids == wanted.grids
    assert np.corrcoef(found.tokens.ravel(), wanted.tokens.ravel())[0, 1] > 0.8
    assert request_size(bundle, candidate, 1, sent[1]) > payload_size(sent[1])


def test_captions_of_pictures_in_other_tiles_are_read_side_by_side(bundle: Bundle) -> None:
    cloud, told = CloudHalf(bundle), ["a red circle", "two small blue squares"]
    together = EvaluationSet("photos", [WIDE, TALL], captions=list(enumerate(told)))
    evaluator = CaptionEvaluator(cloud.reference_model, together)
    terms = evaluator.terms(cloud.encode_images([WIDE, TALL]), ["", ""], ["", ""])[NLL]
    for photo, text, surprise in zip((WIDE, TALL), told, terms, strict=True):
        single = EvaluationSet("photo", [photo], captions=[(0, text)])
        alone = CaptionEvaluator(cloud.reference_model, single)
        assert alone.terms(cloud.encode_images([photo]), [""], [""])[NLL] == pytest.approx(
            [surprise], abs=1e-3
        )


def test_an_upload_is_measured_in_the_tiles_that_it_becomes(bundle: Bundle) -> None:
    candidate = PictureCandidate(DeviceHalf(bundle, [TALL]), CloudHalf(bundle), Upload("jpeg", 90, 0.5))
    assert candidate.image_tokens([candidate.encode(0)]).grids == [Grid(4, 2)]


def test_a_bench_of_single_tiles_refuses(bundle: Bundle) -> None:
    with pytest.raises(RequestError, match="cuts pictures into tiles"):
        check_one_tile(bundle)


def asked(*photos: Image) -> EvaluationSet:
    return EvaluationSet(
        "photos", photos, [(index, Question(AGREEMENT, QUESTION, "")) for index in range(len(photos))]
    )


def ask_twice(bundle: Bundle, address: str, photo: Image, route: str) -> tuple[Answer, Answer]:
    with CloudClient(address) as client:
        device = Orchestrator(bundle, client, DeviceProfile.from_bundle(bundle))
        first = device.answer(photo, QUESTION, Rules(route=route, allow_local=False), generation=FEW)
        return first, device.answer(
            photo, QUESTION, Rules(route=route, allow_local=False), generation=FEW, frame=first.frame
        )


def pixels(bundle: Bundle, photo: Image) -> NDArray[np.float32]:
    preprocessor = Preprocessor(bundle.manifest.preprocessing)
    return preprocessor.pixels(preprocessor.resize(photo))


def sent(bundle: Bundle, photo: Image, cut: str, codec: str) -> ip.Features:
    """What a device sends of a picture."""
    preprocessor = Preprocessor(bundle.manifest.preprocessing)
    grid = preprocessor.grid(preprocessor.resize(photo))
    payloads = FeatureEncoders(bundle).encode(
        cut, codec, Head(bundle).run(pixels(bundle, photo), cut).boundary
    )
    named = [ip.Payload(name=name, data=data) for name, data in payloads.items()]
    return ip.Features(cut=cut, codec=codec, payloads=named, rows=grid.rows, columns=grid.columns)


def whole_answer(
    bundle: Bundle,
    cut: str,
    boundary: dict[str, torch.Tensor],
    grid: Grid,
    question: str = QUESTION,
    max_tokens: int = FEW.max_tokens,
) -> str:
    """By the tail's own model, FP16 weights, without the service."""
    kind = generative(family_named("idefics3"))
    model = load_model(bundle.folder("cloud"))
    tokenizer = Tokenizer.from_file(str(bundle.folder("cloud") / "tokenizer.json"))
    prompting = Prompting(bundle.manifest.prompt, tokenizer)
    with torch.inference_mode():
        tokens = enter(kind, model, cut, boundary)
    return greedy(kind, model, prompting, tokens, [(0, question)], max_tokens, grids=[grid])[0]
