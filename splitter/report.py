"""What every cut and codec costs and loses, beside JPEG and WebP uploads of the same pictures and beside local answers."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from protos import bundle_pb2 as pb
from protos import codec as wire
from splitter.chain import Arrays, Chain, open_session
from splitter.export import graph_name
from splitter.families import CONNECTOR, IMAGE_TOKENS, enter, walk
from splitter.senders import codes_name
from splitter.verify import PICTURE_QUALITIES, Score, answers, image_tokens, in_batches, recode, score
from splitter.work import Work

_REPETITIONS = 15
_MOST_TOKENS = 64


@dataclass(frozen=True)
class Row:
    """One way to answer: `bytes_mean` of payload a picture (0 where nothing is sent), accuracy in percent."""

    route: str
    bytes_mean: float
    accuracy: float
    by_kind: Mapping[str, float]


def measure(work: Work, manifest: pb.Manifest, staging: Path, chain: Chain) -> list[Row]:
    """All rows of the report, INT8 head in place; fills in the manifest's accuracies and mean bytes."""
    book = _Book(work, sum(len(cut.codecs) for cut in manifest.cuts) + sum(map(len, PICTURE_QUALITIES.values())) + 2)
    manifest.accuracy = book.add("whole", 0, lambda: book.reference).accuracy
    reached = chain.run(work.held_out)
    for cut, arrays in zip(manifest.cuts, reached, strict=True):
        for codec in cut.codecs:
            row = _codec_row(book, cut, codec, staging, arrays)
            codec.mean_bytes, codec.accuracy = row.bytes_mean, row.accuracy
    for form, qualities in PICTURE_QUALITIES.items():
        for quality in qualities:
            row = _picture_row(book, form, quality)
            manifest.uploads.add(format=form, quality=quality, mean_bytes=row.bytes_mean, accuracy=row.accuracy)
    if manifest.HasField("local"):
        _local_row(book, manifest.local, staging, reached[-1])
    return book.rows


class _Book:
    """The rows so far. The whole model's answers are the reference where questions have none of their own."""

    def __init__(self, work: Work, expected: int) -> None:
        self.work, self._expected = work, expected
        self.rows: list[Row] = []
        self.reference = self.ask(self.see(torch.from_numpy(work.held_out)))

    def add(self, route: str, bytes_mean: float, answer: Callable[[], list[str]]) -> Row:
        """Measure one route, or find it measured by an interrupted run."""

        def make() -> dict[str, object]:
            scored: Score = score(self.work.subject.questions, answer(), self.reference)
            return {"route": route, "bytes_mean": bytes_mean, "accuracy": scored.accuracy, "by_kind": dict(scored.by_kind)}

        self.work.advance("measuring", len(self.rows), self._expected)
        self.rows.append(Row(**self.work.parts.value(f"row-{route.replace('/', '-')}", make)))
        return self.rows[-1]

    def ask(self, tokens: Tensor) -> list[str]:
        """Answers to all questions from image tokens (pictures, m, width)."""
        return answers(self.work.whole, tokens, self.work.subject.questions, lambda _: None)

    def see(self, pixels: Tensor) -> Tensor:
        """Image tokens of pixels, by the whole model."""
        return image_tokens(self.work.whole.family, self.work.whole.model, pixels)

    @torch.inference_mode()
    def enter(self, cut: str, boundary: Mapping[str, NDArray[np.float32]]) -> Tensor:
        """Image tokens from a boundary, by the tail."""
        whole = self.work.whole
        rows = {name: torch.from_numpy(values) for name, values in boundary.items()}
        count = len(next(iter(rows.values())))
        return torch.cat([enter(whole.family, whole.model, cut, {n: v[part] for n, v in rows.items()}) for part in in_batches(count)])


def _codec_row(book: _Book, cut: pb.Cut, codec: pb.Codec, staging: Path, arrays: Arrays) -> Row:
    """Every held-out picture through the real codec, both halves."""
    half = wire.receiver(codec, staging / codec.receiver if codec.receiver else None)
    names = [tensor.codes.name for tensor in codec.tensors]
    codes = {name: arrays[codes_name(codec.name, name)] for name in names}
    payloads = [half.encode({name: codes[name][row] for name in names}) for row in range(len(book.work.held_out))]
    codec.encode_milliseconds = median_milliseconds(lambda: half.encode({name: codes[name][0] for name in names}))
    decoded = [half.decode(payload) for payload in payloads]
    boundary = {name: np.stack([tensors[name] for tensors in decoded]) for name in names}
    size = statistics.mean(sum(map(len, payload.values())) for payload in payloads)
    return book.add(f"split@{cut.name}/{codec.name}", size, lambda: book.ask(book.enter(cut.name, boundary)))


def _picture_row(book: _Book, form: str, quality: int) -> Row:
    """Every held-out picture, at the model's own resolution, through a picture codec and the whole model."""
    coded = [recode(picture, form, quality) for picture in book.work.resized]
    size = statistics.mean(taken for _, taken in coded)
    return book.add(
        f"upload@{form}-{quality}", size, lambda: book.ask(book.see(torch.from_numpy(book.work.pixels([image for image, _ in coded]))))
    )


def _local_row(book: _Book, local: pb.Local, staging: Path, arrays: Arrays) -> Row:
    """Every question by the INT8 head and the INT8 decoder, one at a time, as the device does it."""
    device = _Device(book.work, local, staging)
    tokens = np.asarray(arrays[graph_name(CONNECTOR, IMAGE_TOKENS)], np.float32)
    asked = book.work.subject.questions
    row = book.add("local", 0, lambda: [device.answer(tokens[index], question.text) for index, question in asked])
    local.accuracy = row.accuracy
    local.prefill_milliseconds, local.token_milliseconds = device.milliseconds(tokens[0], asked[0][1].text)
    return row


class _Device:
    """The decoder in onnxruntime, greedy: what an answer without the cloud is."""

    def __init__(self, work: Work, local: pb.Local, staging: Path) -> None:
        self._session = open_session((staging / local.decoder).read_bytes(), work.options.threads)
        self._table: NDArray[np.float32] = np.load(staging / local.embeddings, allow_pickle=False).astype(np.float32)
        self._past = np.zeros(tuple(local.past_shape), np.float32)
        self._prompting = work.whole.prompting

    def answer(self, tokens: NDArray[np.float32], question: str) -> str:
        logits, past = self._step(self._prompt(tokens, question), self._past)
        spoken: list[int] = []
        while len(spoken) < _MOST_TOKENS and (best := int(logits.argmax())) not in self._prompting.stop_tokens:
            spoken.append(best)
            logits, past = self._step(self._table[[best]], past)
        return self._prompting.decode(spoken, skip_special_tokens=True).strip()

    def milliseconds(self, tokens: NDArray[np.float32], question: str) -> tuple[float, float]:
        """Median time of the prefill and of one further token."""
        prompt = self._prompt(tokens, question)
        _, past = self._step(prompt, self._past)
        prefill = median_milliseconds(lambda: self._step(prompt, self._past))
        return prefill, median_milliseconds(lambda: self._step(prompt[-1:], past))

    def _prompt(self, tokens: NDArray[np.float32], question: str) -> NDArray[np.float32]:
        ids = np.array(self._prompting.ids(question))
        embedded: NDArray[np.float32] = self._table[ids]
        embedded[ids == self._prompting.image_token] = tokens
        return embedded

    def _step(self, embedded: NDArray[np.float32], past: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        return list(self._session.run(["logits", "present"], {"embeds": embedded[None], "past": past}))


@torch.inference_mode()
def cloud_costs(work: Work, manifest: pb.Manifest) -> None:
    """Time the tail from each cut, the whole tower, the prefill and a token, here, in FP32: the policy's first guess."""
    whole, threads = work.whole, torch.get_num_threads()
    torch.set_num_threads(work.options.threads)
    pixels = torch.from_numpy(work.held_out[:1])
    reached = dict(walk(whole.family, whole.model, pixels))
    for cut in manifest.cuts:
        cut.cloud_milliseconds = median_milliseconds(partial(enter, whole.family, whole.model, cut.name, reached[cut.name]))
    costs = manifest.cloud_cost
    costs.vision_milliseconds = median_milliseconds(lambda: list(walk(whole.family, whole.model, pixels)))
    prompt = whole.prompting.ids(work.subject.questions[0][1].text)
    *_, last = reached
    tokens = enter(whole.family, whole.model, last, reached[last])
    costs.prefill_milliseconds = median_milliseconds(lambda: whole.family.rows(whole.model, [prompt], tokens).prefill())
    rows = whole.family.rows(whole.model, [prompt], tokens)
    rows.prefill()
    costs.token_milliseconds = median_milliseconds(lambda: rows.advance(prompt[-1:]))
    torch.set_num_threads(threads)


def median_milliseconds(action: Callable[[], object]) -> float:
    """Median wall time of an action, after one run to warm up."""
    action()
    times = []
    for _ in range(_REPETITIONS):
        begin = time.perf_counter()
        action()
        times.append(time.perf_counter() - begin)
    return 1e3 * statistics.median(times)
