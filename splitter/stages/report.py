"""What every cut and codec costs and loses, beside JPEG and WebP uploads of the same pictures and beside
local answers.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from protos import bundle_pb2 as pb
from protos import codec as wire
from protos.pictures.tiles import Grid, mean_tiles
from splitter.codecs import encoders
from splitter.decoders.text_tower import TextTower
from splitter.evaluate.matching import Agreement
from splitter.evaluate.verify import PICTURE_QUALITIES, Score, image_tokens, in_batches, recode
from splitter.families import CONNECTOR, IMAGE_TOKENS, enter, walk
from splitter.graph.chain import Arrays, Chain, open_session, rows_at_once
from splitter.graph.export import graph_name
from splitter.stages.work import Work

_REPETITIONS = 15
_MAX_SECONDS = 10.0
_MAX_TOKENS = 64


@dataclass(frozen=True)
class Row:
    """One way to answer: `bytes_mean` of payload a picture (0 where nothing is sent), accuracy in percent."""

    route: str
    bytes_mean: float
    accuracy: float
    by_kind: Mapping[str, float]


def measure(work: Work, manifest: pb.Manifest, staging: Path, chain: Chain) -> list[Row]:
    """All rows of the report, INT8 head in place; fills in the manifest's accuracies and mean bytes."""
    book = _Book(
        work, sum(len(cut.codecs) for cut in manifest.cuts) + sum(map(len, PICTURE_QUALITIES.values())) + 2
    )
    manifest.measure = work.measure.name
    manifest.accuracy = book.add("whole", 0, lambda: book.reference).accuracy
    reached = chain.run(work.held_out)
    for cut, arrays in zip(manifest.cuts, reached, strict=True):
        for codec in cut.codecs:
            row = _codec_row(book, cut, codec, staging, arrays)
            codec.mean_bytes, codec.accuracy = row.bytes_mean, row.accuracy
    for form, qualities in PICTURE_QUALITIES.items():
        for quality in qualities:
            row = _picture_row(book, form, quality)
            manifest.uploads.add(
                format=form, quality=quality, mean_bytes=row.bytes_mean, accuracy=row.accuracy
            )
    if manifest.HasField("local"):
        add_row = _label_rows if work.matcher else _local_row
        add_row(book, manifest.local, staging, reached[-1])
    return book.rows


class _Book:
    """The rows so far. The whole model's answers are the reference where questions have none of their own."""

    def __init__(self, work: Work, expected: int) -> None:
        self.work, self._expected = work, expected
        self.rows: list[Row] = []
        self.reference = self.ask(self.see(torch.from_numpy(work.held_out)))

    def add(self, route: str, bytes_mean: float, answer: Callable[[], Any]) -> Row:
        """Measure one route, or find it measured by an interrupted run."""

        def make() -> dict[str, object]:
            scored: Score = self.work.measure.score(answer(), self.reference)
            return {
                "route": route,
                "bytes_mean": bytes_mean,
                "accuracy": scored.accuracy,
                "by_kind": dict(scored.by_kind),
            }

        self.work.advance("measuring", len(self.rows), self._expected)
        self.rows.append(Row(**self.work.parts.value(f"row-{route.replace('/', '-')}", make)))
        return self.rows[-1]

    def ask(self, tokens: Tensor) -> Any:
        """What the report's measure compares, from image tokens (tiles of all pictures, m, width)."""
        return self.work.measure.outcome(tokens)

    def see(self, pixels: Tensor) -> Tensor:
        """Image tokens of pixels, by the whole model."""
        return image_tokens(self.work.whole.family, self.work.whole.model, pixels)

    @torch.inference_mode()
    def enter(self, cut: str, boundary: Mapping[str, NDArray[np.float32]]) -> Tensor:
        """Image tokens from a boundary, by the tail."""
        whole = self.work.whole
        rows = {name: torch.from_numpy(values) for name, values in boundary.items()}
        batches = in_batches(len(next(iter(rows.values()))), rows_at_once(self.work.held_out.shape))
        return torch.cat(
            [enter(whole.family, whole.model, cut, {n: v[part] for n, v in rows.items()}) for part in batches]
        )


def _codec_row(book: _Book, cut: pb.Cut, codec: pb.Codec, staging: Path, arrays: Arrays) -> Row:
    """Every held-out picture through the real codec, both halves."""
    half = wire.receiver(codec, staging.joinpath)
    session = (
        open_session((staging / codec.encoder).read_bytes(), book.work.options.threads)
        if codec.encoder
        else None
    )
    boundary = book.work.boundary(cut.name, arrays)

    def encode(tiles: slice) -> dict[str, bytes]:
        codes = encoders.run(session, half, {name: values[tiles] for name, values in boundary.items()})
        return half.encode({name: np.concatenate(values) for name, values in codes.items()})

    payloads = [encode(tiles) for tiles in book.work.spans]
    codec.encode_milliseconds = median_milliseconds(lambda: encode(slice(1)))
    decoded = [
        half.decode(payload, grid.tiles) for payload, grid in zip(payloads, book.work.grids, strict=True)
    ]
    received = {
        name: np.concatenate([part[name] for part in decoded]).reshape(values.shape)
        for name, values in boundary.items()
    }
    size = statistics.mean(sum(map(len, payload.values())) for payload in payloads)
    return book.add(f"split@{cut.name}/{codec.name}", size, lambda: book.ask(book.enter(cut.name, received)))


def _picture_row(book: _Book, form: str, quality: int) -> Row:
    """Every held-out picture, at the model's own resolution, through a picture codec and the whole model."""
    coded = [recode(picture, form, quality) for picture in book.work.resized]
    size = statistics.mean(taken for _, taken in coded)
    pixels = partial(book.work.pixels, [image for image, _ in coded])
    return book.add(f"upload@{form}-{quality}", size, lambda: book.ask(book.see(torch.from_numpy(pixels()))))


def _local_row(book: _Book, local: pb.Local, staging: Path, arrays: Arrays) -> None:
    """Every question by the INT8 head and the INT8 decoder, one at a time, as the device does it."""
    device = _Device(book.work, local, staging)
    tokens = np.asarray(arrays[graph_name(CONNECTOR, IMAGE_TOKENS)], np.float32)
    asked, grids, tiles = book.work.subject.questions, book.work.grids, book.work.spans
    row = book.add(
        "local",
        0,
        lambda: [device.answer(tokens[tiles[i]], question.text, grids[i]) for i, question in asked],
    )
    local.accuracy = row.accuracy
    local.prefill_milliseconds, local.token_milliseconds = device.milliseconds(
        tokens[tiles[0]], asked[0][1].text, grids[0]
    )


def _label_rows(book: _Book, local: pb.Local, staging: Path, arrays: Arrays) -> None:
    """Every picture by the INT8 head, compared with the labels' own embeddings, and with those of the
    device's text tower.
    """
    (tokens,) = (
        torch.from_numpy(values) for values in book.work.boundary(book.work.cuts[-1], arrays).values()
    )
    local.accuracy = book.add("local", 0, lambda: book.ask(tokens)).accuracy
    if local.decoder and isinstance(book.work.measure, Agreement):
        measure, tower = book.work.measure, TextTower(local, staging, book.work.options.threads)
        book.add(
            "local, labels embedded there",
            0,
            lambda: measure.outcome(tokens, torch.from_numpy(tower.embed(measure.texts))),
        )
        local.token_milliseconds = median_milliseconds(lambda: tower.embed(measure.texts[:1]))


class _Device:
    """The decoder in onnxruntime, greedy: what an answer without the cloud is."""

    def __init__(self, work: Work, local: pb.Local, staging: Path) -> None:
        self._session = open_session((staging / local.decoder).read_bytes(), work.options.threads)
        self._table: NDArray[np.float32] = np.load(staging / local.embeddings, allow_pickle=False).astype(
            np.float32
        )
        self._past = np.zeros(tuple(local.past_shape), np.float32)
        self._prompting = work.speaker.prompting

    def answer(self, tokens: NDArray[np.float32], question: str, grid: Grid) -> str:
        logits, past = self._step(self._prompt(tokens, question, grid), self._past)
        spoken: list[int] = []
        while len(spoken) < _MAX_TOKENS and (best := int(logits.argmax())) not in self._prompting.stop_tokens:
            spoken.append(best)
            logits, past = self._step(self._table[[best]], past)
        return self._prompting.decode(spoken, skip_special_tokens=True).strip()

    def milliseconds(self, tokens: NDArray[np.float32], question: str, grid: Grid) -> tuple[float, float]:
        """Median time of the prefill and of one further token."""
        prompt = self._prompt(tokens, question, grid)
        _, past = self._step(prompt, self._past)
        prefill = median_milliseconds(lambda: self._step(prompt, self._past))
        return prefill, median_milliseconds(lambda: self._step(prompt[-1:], past))

    def _prompt(self, tokens: NDArray[np.float32], question: str, grid: Grid) -> NDArray[np.float32]:
        ids = np.array(self._prompting.ids(question, grid))
        embedded: NDArray[np.float32] = self._table[ids]
        embedded[ids == self._prompting.image_token] = np.concatenate(tokens)
        return embedded

    def _step(self, embedded: NDArray[np.float32], past: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        return list(self._session.run(["logits", "present"], {"embeds": embedded[None], "past": past}))


@torch.inference_mode()
def cloud_costs(work: Work, manifest: pb.Manifest) -> None:
    """Time the tail from each cut, the whole tower, the prefill and a token, here, in FP32: the policy's
    first guess.

    The tower is timed on one tile, and counted for as many as a picture has on average. Without the language
    model there is no guess of its part; it stays 0 until the cloud reports its own.
    """
    whole, threads = work.whole, torch.get_num_threads()
    torch.set_num_threads(work.options.threads)
    pixels, tiles = torch.from_numpy(work.held_out[:1]), mean_tiles(manifest.preprocessing)
    reached = dict(walk(whole.family, whole.model, pixels))
    for cut in manifest.cuts:
        cut.cloud_milliseconds = tiles * median_milliseconds(
            partial(enter, whole.family, whole.model, cut.name, reached[cut.name])
        )
    costs = manifest.cloud_cost
    costs.vision_milliseconds = tiles * median_milliseconds(
        lambda: list(walk(whole.family, whole.model, pixels))
    )
    if work.with_language and not work.matcher:
        _language_costs(
            work,
            costs,
            image_tokens(whole.family, whole.model, torch.from_numpy(work.held_out[work.spans[0]])),
        )
    torch.set_num_threads(threads)


def _language_costs(work: Work, costs: pb.CloudCost, tokens: Tensor) -> None:
    whole = work.speaker
    prompt = whole.prompting.ids(work.subject.questions[0][1].text, work.grids[0])
    costs.prefill_milliseconds = median_milliseconds(
        lambda: whole.family.rows(whole.model, [prompt], tokens).prefill()
    )
    rows = whole.family.rows(whole.model, [prompt], tokens)
    rows.prefill()
    costs.token_milliseconds = median_milliseconds(lambda: rows.decode(prompt[-1:]))


def median_milliseconds(action: Callable[[], object]) -> float:
    """Median wall time of an action, after one run to warm up; of fewer runs where they take long."""
    action()
    times: list[float] = []
    until = time.perf_counter() + _MAX_SECONDS
    while len(times) < _REPETITIONS and not (times and time.perf_counter() > until):
        begin = time.perf_counter()
        action()
        times.append(time.perf_counter() - begin)
    return 1e3 * statistics.median(times)
