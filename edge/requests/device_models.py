"""The models that answer on the device: behind the head, or with a vision part of their own."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from edge.costs.device_times import PREFILL, TOKEN
from edge.models.dual_encoder import LocalDualEncoder
from edge.models.local_model import LocalModel, available
from edge.models.small_vision import SmallVision
from edge.pictures.resampling import Picture
from edge.requests.question import Question
from protos import inference_pb2 as pb
from protos.bundle import Bundle
from protos.codec import Floats
from protos.pictures.tiles import Grid
from protos.text.confidence import AnswerConfidence, probability


class Written(NamedTuple):
    """What the local model wrote, behind the head."""

    tokens: int
    milliseconds: Mapping[str, float]
    text: str
    scores: Sequence[pb.Score] = ()
    confidence: float | None = None

    def parts(self, grid: Grid) -> dict[str, float]:
        """What it took by the profile's parts: its prompt is that of one tile, or is not told."""
        parts = {}
        if grid.tiles == 1 and "generate" in self.milliseconds:
            parts[PREFILL] = self.milliseconds["first_token"]
        if self.tokens > 1:
            parts[TOKEN] = self.milliseconds["generate"] / (self.tokens - 1)
        return parts


class DeviceModels:
    """Loaded when first needed, and kept. `compare_labels`: they choose among labels, instead of answering
    questions; `see_alone`: with a vision part of their own.
    """

    def __init__(self, bundle: Bundle, threads: int, clock: Callable[[], float], provider: str) -> None:
        self._bundle, self._threads, self._clock, self._provider = bundle, threads, clock, provider
        self._available = available(bundle)
        self._own = bundle.manifest.local.own if bundle.manifest.local.HasField("own") else None
        self.compare_labels, self.see_alone = bundle.manifest.HasField("matching"), self._own is not None

    @cached_property
    def _text(self) -> LocalModel:
        return LocalModel(self._bundle, self._threads, self._provider)

    @cached_property
    def _small_vision(self) -> SmallVision:
        return SmallVision(self._bundle.device_model, self._threads, self._provider)

    @cached_property
    def _dual_encoder(self) -> LocalDualEncoder:
        return LocalDualEncoder(self._bundle, self._threads, self._provider)

    def load(self) -> None:
        """Those that there are. Raises BundleDamaged."""
        if self.see_alone:
            self._small_vision.load()
        if self.compare_labels:
            assert self._dual_encoder
        elif self._available:
            assert self._text

    def unavailable_reason(self, question: Question) -> str:
        """Why the device cannot answer alone, whatever the rules; empty if it can."""
        if self.compare_labels:
            return self._dual_encoder.unavailable_reason(question.labels, question.label_embeddings)
        if not self._available:
            return "the local model is not on this device"
        if self._own and question.bytes > self._own.limits.max_question_bytes:
            most = self._own.limits.max_question_bytes
            return f"the question has {question.bytes} bytes, the device's model reads {most}"
        sampled = question.generation.temperature > 0
        return "local answers are greedy, a temperature was asked for" if sampled else ""

    def unread_labels(self, question: Question) -> int:
        """How many labels the device's text tower would have to read for this."""
        return len(self._dual_encoder.unread(question.labels, question.label_embeddings))

    def probability(self, confidence: float | None) -> float | None:
        """That a local answer of this raw confidence is what the whole model would say; None where the split
        measured none.
        """
        local = self._bundle.measurements.local
        if confidence is None or not local.HasField("calibration"):
            return None
        return probability(local.calibration.knots, confidence)

    def see(self, picture: Picture) -> tuple[Floats, Grid]:
        """The image tokens of a picture, by their own vision part."""
        return self._small_vision.see(picture)

    def write(
        self,
        question: Question,
        grid: Grid,
        image_tokens: Floats,
        emit: Callable[[str], None],
        begun: float | None = None,
    ) -> Written:
        """The answer to a question about image tokens (n, width); `emit` gets the text in pieces. `begun`:
        when the work for the first token did, if not now.
        """
        milliseconds: dict[str, float] = {}
        limit, pieces, begun = question.generation.max_tokens, list[str](), begun or self._clock()
        sure = AnswerConfidence()
        for text in self._text.answer(image_tokens, question.text, limit, grid, sure):
            stage = "generate" if pieces else "first_token"
            milliseconds[stage] = milliseconds.get(stage, 0.0) + self._since(begun)
            emit(text)
            pieces.append(text)
            begun = self._clock()
        return Written(len(pieces), milliseconds, "".join(pieces), confidence=sure.raw)

    def compare(self, question: Question, embedding: Floats, emit: Callable[[str], None]) -> Written:
        """How well each label fits a picture's embedding (width); `emit` gets the best."""
        begun = self._clock()
        scores = self._dual_encoder.compare(embedding, question.labels, question.label_embeddings)
        milliseconds = {"first_token": self._since(begun)}
        emit(scores[0].label)
        return Written(1, milliseconds, scores[0].label, scores)

    def _since(self, begun: float) -> float:
        return (self._clock() - begun) * 1000
