"""A dual encoder as a person uses it: `isthmus ask --labels`, `isthmus search`, `isthmus bundle labels`."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openai
import pytest

import isthmus
from cloud.models.dual_encoder import DualEncoder
from edge.agent.http.openai.encoders import BundleEmbedding
from edge.pictures.files import read_picture
from edge.requests.orchestrator import Orchestrator
from edge.requests.search import search
from protos.arms.rules import Rules
from protos.bundle import MANIFEST, Bundle, write_manifest
from protos.costs.profile import DeviceProfile
from protos.errors import NoRoute, RequestError, WrongBundle
from protos.labels import Labels
from splitter.nano.scenes import picture
from tests.cloud.calling import FP32, calling
from tests.edge.agent.http.serving import MODEL, asked, data_url, serving
from tests.splitter.families.duals import LABELS, Dual

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def photo(tmp_path: Path) -> str:
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), picture(77).image[..., ::-1])
    return str(path)


@pytest.fixture
def bare(dual: Dual, tmp_path: Path) -> Bundle:
    """The same bundle, split without a text tower for the device."""
    path = Path(shutil.copytree(dual.bundle.path, tmp_path / "bare", ignore=shutil.ignore_patterns(MANIFEST)))
    manifest = Bundle.open(dual.bundle.path).manifest
    for field in ("decoder", "embeddings", "tokenizer"):
        manifest.local.ClearField(field)
    write_manifest(path, manifest)
    return Bundle.open(path)


def run(*words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    status = isthmus.main(words)
    told = capsys.readouterr()
    return status, told.out, told.err


def label_scores(told: dict[str, Any]) -> dict[str, float]:
    return {fit["label"]: fit["similarity"] for fit in told["label_scores"]}


def test_the_best_label_is_the_answer_and_how_all_fit_stands_below(
    dual: Dual, photo: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = str(dual.bundle.path)
    capsys.readouterr()  # a split may have been told of here
    status, out, err = run("ask", photo, "--bundle", bundle, "--labels", "cat, an owl", capsys=capsys)
    *table, how = err.splitlines()
    assert status == 0
    assert out in ("cat\n", "an owl\n")
    assert [word in err for word in ("probability", "similarity", "an owl")] == [True] * 3
    assert len(table) == 3
    assert how.startswith("local · 0 bytes up")


async def test_every_route_finds_the_same(dual: Dual, photo: str, capsys: pytest.CaptureFixture[str]) -> None:
    cuts = [cut.name for cut in dual.bundle.manifest.cuts]
    routes = ["local", *(f"split@{cut}/fp16-zstd" for cut in cuts), "upload"]
    found = {}
    async with calling(DualEncoder(dual.bundle, FP32)) as caller:
        for route in routes:
            words = (
                "ask",
                photo,
                "--bundle",
                str(dual.bundle.path),
                "--cloud",
                caller.service.address,
                "--route",
                route,
                "--json",
            )
            assert await asyncio.to_thread(isthmus.main, words) == 0
            told = json.loads(capsys.readouterr().out)
            assert told["route"].startswith(route)
            assert told["text"] == told["label_scores"][0]["label"]
            found[route] = label_scores(told)
    for route in routes:
        assert found[route] == pytest.approx(found["local"], abs=0.15), route
        assert set(found[route]) == set(LABELS)


async def test_a_frame_that_the_cloud_keeps_needs_labels_only(dual: Dual) -> None:
    async with calling(DualEncoder(dual.bundle, FP32)) as caller:
        first, second = await asyncio.to_thread(ask_twice, dual.bundle, caller.service.address)
    assert second.route == "cached"
    assert second.payload_bytes == 0
    assert {fit.label for fit in second.label_scores} == {"quiz", "owl"}
    assert first.frame == second.frame


def ask_twice(bundle: Bundle, address: str) -> tuple[Any, Any]:
    from edge.link.client import CloudClient

    with CloudClient(address) as client:
        device = Orchestrator(bundle, client, DeviceProfile.from_bundle(bundle))
        first = device.answer(
            picture(77).image, "", Rules(route="split", allow_local=False), labels=["cat", "quiz"]
        )
        rules = Rules(route="split", allow_local=False)
        return first, device.answer(picture(77).image, "", rules, labels=["quiz", "owl"], frame=first.frame)


def test_an_operators_labels_reach_a_device_without_a_text_tower(
    bare: Bundle, dual: Dual, photo: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "birds.txt").write_text("an owl\n\n  a wren \n")
    made = str(tmp_path / "birds.npz")
    assert (
        run("bundle", "labels", str(tmp_path / "birds.txt"), "-b", str(bare.path), "-o", made, capsys=capsys)[
            0
        ]
        == 0
    )
    status, out, _ = run(
        "ask", photo, "--bundle", str(bare.path), "--label-file", made, "--json", capsys=capsys
    )
    _, own, _ = run(
        "ask", photo, "--bundle", str(dual.bundle.path), "--labels", "an owl,a wren", "--json", capsys=capsys
    )
    assert status == 0
    assert label_scores(json.loads(out)) == pytest.approx(label_scores(json.loads(own)), abs=0.1), (
        "INT8 is what lies between them"
    )


def test_a_label_file_is_checked(bare: Bundle, dual: Dual, tmp_path: Path) -> None:
    width, path = bare.manifest.matching.width, tmp_path / "labels.npz"
    rows = np.eye(2, width, dtype=np.float32)
    path.write_bytes(Labels(("a", "b"), rows).packed(bare.digest))
    assert Labels.read(path, bare).names == ("a", "b")
    with pytest.raises(WrongBundle, match="was made for bundle"):
        Labels.read(path, dual.bundle)
    for wrong, message in (
        (rows * np.nan, "not numbers of length 1"),
        (rows * 2, "of length 1"),
        (rows[:, 1:], "its embeddings are"),
    ):
        path.write_bytes(Labels(("a", "b"), wrong).packed(bare.digest))
        with pytest.raises(RequestError, match=message):
            Labels.read(path, bare)
    for data in (b"", b"no archive", path.read_bytes()[:-30]):
        path.write_bytes(data)
        with pytest.raises(RequestError, match="isthmus bundle labels"):
            Labels.read(path, bare)


def test_a_label_file_that_would_unpack_to_too_much_is_refused(bare: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "labels.npz"
    np.savez_compressed(
        path, names=np.array([b"a"]), embeddings=np.zeros((200_000, 64), np.float32), bundle=np.array(b"")
    )
    with pytest.raises(RequestError, match=r"at most \d+ can be labels"):
        Labels.read(path, bare)


def test_search_ranks_photos_as_the_whole_model_does(dual: Dual, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(
        "search",
        "cat",
        "--bundle",
        str(dual.bundle.path),
        "--photos",
        str(dual.photos),
        "--top",
        "9",
        "--json",
        capsys=capsys,
    )
    told = json.loads(out)["photos"]
    text = dual.texts(["cat"])[0]
    assert status == 0
    assert [hit["similarity"] for hit in told] == sorted((hit["similarity"] for hit in told), reverse=True)
    for hit in told:
        whole = dual.pictures(dual.family.pixels(dual.processor, [read_picture(hit["photo"])]))[0]
        assert hit["similarity"] == pytest.approx(float(whole @ text), abs=0.1)
    assert len(told) == 9


async def test_search_lets_the_cloud_read_the_text_and_leaves_out_what_is_no_photo(
    bare: Bundle, dual: Dual, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(dual.photos, tmp_path / "photos")
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"no photo")
    words = ["search", "cat", "--bundle", str(bare.path), "--photos", str(tmp_path / "photos"), "--top", "2"]
    assert run(*words, capsys=capsys)[0] == NoRoute.exit_code
    async with calling(DualEncoder(bare, FP32)) as caller:
        assert await asyncio.to_thread(isthmus.main, [*words, "--cloud", caller.service.address]) == 0
    out = capsys.readouterr().out
    assert out.count(".png") == 2
    assert "left out" in out
    assert "broken.jpg" in out


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("--labels", "cat,,dog"), 3, "label or text 2 of 3 is empty"),
        (("--labels", "cat,cat"), 3, "given twice"),
        (("--labels", "x" * 501), 3, "make it shorter"),
        (("--label-file", "no-such.npz"), 3, "isthmus bundle labels"),
        (("--labels", "no-such.txt"), 3, "there is no file 'no-such.txt'"),
        (("what", "is", "it?", "--labels", "cat,dog"), 3, "chooses among labels and reads no question"),
        (("--labels", "owl", "--route", "split"), 6, "--cloud HOST:PORT"),
    ],
)
def test_what_cannot_be_done_says_what_to_do(
    words: tuple[str, ...],
    status: int,
    message: str,
    dual: Dual,
    photo: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found, _, err = run("ask", photo, "--bundle", str(dual.bundle.path), *words, capsys=capsys)
    assert found == status
    assert err.startswith("isthmus: ")
    assert message in err


def test_labels_without_a_text_tower_name_the_ways_out(
    bare: Bundle, photo: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = run("ask", photo, "--bundle", str(bare.path), "--labels", "owl", capsys=capsys)
    assert status == NoRoute.exit_code
    assert (
        "no embedding of 'owl' on this device (isthmus bundle labels makes a label file; or split "
        "--with-local)"
    ) in err


def test_a_bundle_that_answers_questions_takes_no_labels(
    bundle: Bundle, photo: str, tmp_path: Path, capsys: Any
) -> None:
    for words in (
        ("ask", photo, "what?", "--labels", "cat"),
        ("ask", photo, "what?", "--label-file", "x.npz"),
    ):
        status, _, err = run(*words, "--bundle", str(bundle.path), capsys=capsys)
        assert status == RequestError.exit_code
        assert "answers questions and does not choose among labels" in err
    status, _, err = run("search", "cat", "-b", str(bundle.path), "--photos", str(tmp_path), capsys=capsys)
    assert status == RequestError.exit_code
    assert "has no embeddings to search by" in err


def test_applications_get_labels_and_embeddings_over_http(dual: Dual, photo: str) -> None:
    url = data_url(Path(photo).read_bytes())
    embedding = BundleEmbedding(dual.bundle, None, 1, "")
    with (
        serving(dual.bundle, served={"embedding": embedding}) as server,
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client,
    ):
        chosen = client.chat.completions.create(
            model=MODEL, messages=asked(url, ""), extra_body={"isthmus": {"labels": ["cat", "dog"]}}
        )
        with pytest.raises(openai.BadRequestError, match="chooses among labels"):
            client.chat.completions.create(model=MODEL, messages=asked(url, "is it a cat?"))
        data = client.embeddings.create(model=MODEL, input=["cat", url]).data
    told = (chosen.model_extra or {})["isthmus"]
    assert chosen.choices[0].message.content == told["label_scores"][0]["label"]
    text, embedded = (np.array(one.embedding) for one in data)
    found = search(dual.bundle, "cat", [Path(photo)], None)
    assert text @ embedded == pytest.approx(found[0].similarity, abs=1e-6)
