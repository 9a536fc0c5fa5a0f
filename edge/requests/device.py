"""What the device does for a request: resize, run the head, encode, answer alone. It returns values."""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np

from edge.costs.device_times import PIXELS
from edge.models.head import Head, HeadOutput
from edge.pictures.preprocess import Preprocessor
from edge.pictures.resampling import Picture
from edge.requests.device_models import DeviceModels, Written
from edge.requests.question import Prepared, Question
from edge.upload.feature_encoders import FeatureEncoders
from edge.upload.frame_coder import EncodedFrame, FrameCoder
from edge.upload.picture_encoder import encode_picture
from protos import inference_pb2 as pb
from protos.arms.loss import sure_loss_of
from protos.arms.rules import Rules, exceeds
from protos.bundle import Bundle
from protos.errors import PictureError
from protos.limits import (
    CLIENT_SECRET_BYTES,
    check_generation,
    check_labels,
    check_no_question,
    check_question,
)
from protos.pictures.tiles import Grid
from protos.pictures.upload_formats import Coding


@dataclass(frozen=True)
class Payload:
    """What a request carries, made on the device. `milliseconds` by stage; `parts`: by the profile's parts,
    in its units.
    """

    size: int = 0
    milliseconds: Mapping[str, float] = field(default_factory=dict)
    parts: Mapping[str, float] = field(default_factory=dict)
    head: HeadOutput | None = None  # the farthest boundary that the head has come to
    frame: EncodedFrame | None = None  # where features are sent


@dataclass(frozen=True)
class LocalAnswer:
    """An answer made on the device. `tokens`: pieces of text, which is about the number of tokens. `parts` as
    of a Payload.
    """

    tokens: int
    milliseconds: Mapping[str, float]
    head: HeadOutput | None  # None where a model with a vision part of its own answered first
    parts: Mapping[str, float]
    scores: Sequence[pb.Score] = ()
    text: str = ""
    confidence: float | None = None  # raw; None where the local model tells none


class Device:
    """The device's half of the work. The head and the local model are loaded when first needed, and kept."""

    def __init__(
        self,
        bundle: Bundle,
        threads: int = 1,
        clock: Callable[[], float] = time.monotonic,
        provider: str = "",
    ) -> None:
        self._bundle, self._threads, self._clock, self._provider = bundle, threads, clock, provider
        cv2.setNumThreads(threads)  # for the process: by itself it takes every core
        self.models = DeviceModels(bundle, threads, clock, provider)
        self._preprocessor = Preprocessor(bundle.manifest.preprocessing)
        self._encoders = FeatureEncoders(bundle, threads)
        self._frame_coder = FrameCoder(bundle, self._encoders)
        self._client_secret = secrets.token_bytes(
            CLIENT_SECRET_BYTES
        )  # by which the cloud knows its own frames

    @cached_property
    def _head(self) -> Head:
        return Head(self._bundle, self._threads, self._provider)

    def load(self, *, remote: bool) -> None:
        """Load the head, the local model if any, and for a cloud the codecs. Raises BundleDamaged."""
        if remote or not self.models.see_alone:
            self._head.load(self._last_cut)
        if remote:
            self._encoders.load()
            self._frame_coder.warm()
        self.models.load()

    def check(self, question: Question) -> None:
        """Raises PromptError or RequestError for what means nothing."""
        check_labels(question.labels, self._bundle.manifest)
        if self.models.compare_labels:
            check_no_question(question.text, self._bundle.manifest)
        else:
            check_question(question.text, self._bundle.manifest.limits)
            check_generation(question.generation)

    def prepare(self, picture: Picture) -> Prepared:
        """Bring an RGB picture (h, w, 3) to the model's size. Raises PictureError."""
        _check_picture(picture)
        begun = self._clock()
        resized = self._preprocessor.resize(picture)
        return Prepared(resized, self._preprocessor.grid(resized), self._since(begun), picture)

    def request(self, question: Question) -> pb.InferRequest:
        """What every request says, whatever it carries."""
        request = pb.InferRequest(
            id=question.id,
            bundle=self._bundle.id,
            labels=question.labels,
            client_secret=self._client_secret,
        )
        if not self.models.compare_labels:
            request.question = question.text
            if question.generation.ByteSize():
                request.generation.CopyFrom(question.generation)
        return request

    def encode_features(
        self,
        prepared: Prepared,
        cut: str,
        codec: str,
        after: HeadOutput | None,
        *,
        source: str = "",
        key_frame: bool = False,
    ) -> Payload:
        """The features of a cut, coded against an earlier frame of the same `source` where that is shorter,
        unless `key_frame`.

        `after`: where the head has come to with this picture.
        Raises UnknownName, BundleDamaged or PayloadError.
        """
        begun = self._clock()
        head, parts = self.run_head(prepared, cut, after)
        head_ms, begun = self._since(begun), self._clock()
        frame = self._frame_coder.encode(
            cut, codec, head.boundary, prepared.grid, source=source, key_frame=key_frame
        )
        encode_ms = self._since(begun)
        parts[f"{cut}/{codec}"] = encode_ms / prepared.grid.tiles
        return Payload(frame.size, {"head": head_ms, "encode": encode_ms}, parts, head, frame)

    def encode_picture(self, prepared: Prepared, coding: Coding) -> tuple[bytes, Payload]:
        """The resized picture as a file."""
        begun = self._clock()
        data = encode_picture(prepared.picture, coding)
        encode_ms = self._since(begun)
        return data, Payload(len(data), {"encode": encode_ms}, {str(coding): encode_ms})

    def codes_changes(self, cut: str, codec: str) -> bool:
        """Whether a codec codes one frame against another. Raises UnknownName or BundleDamaged."""
        return self._frame_coder.codes_changes(cut, codec)

    def acknowledge(self, frame: EncodedFrame, digest: str) -> None:
        """The cloud answered what was sent, and names the frame so."""
        self._frame_coder.acknowledge(frame, digest)

    def forget_reference(self, frame: EncodedFrame) -> None:
        """The cloud does not have what this frame was coded against."""
        self._frame_coder.forget(frame)

    def may_answer(self, question: Question) -> bool:
        """Whether a local answer may stand in for the cloud's."""
        rules = question.rules
        return (
            rules.allow_local and not self._too_lossy(rules) and not self.models.unavailable_reason(question)
        )

    def _too_lossy(self, rules: Rules) -> bool:
        """Whether the rule about losses forbids the device's own answers."""
        measured = self._bundle.measurements
        return exceeds(rules, sure_loss_of(measured.local, measured.accuracy))

    def answer(
        self, question: Question, prepared: Prepared, after: HeadOutput | None, emit: Callable[[str], None]
    ) -> LocalAnswer:
        """Answer here, from where the head has come to; `emit` gets the text in pieces."""
        if self.models.see_alone:
            return self._answer_small(question, prepared.original, after, emit)
        begun = self._clock()
        head, parts = self.run_head(prepared, self._last_cut, after)
        (image_tokens,) = head.boundary.values()
        taken = {"head": self._since(begun)}
        if self.models.compare_labels:
            answer = self.models.compare(question, image_tokens[0, 0], emit)
        else:
            answer = self.models.write(question, prepared.grid, np.concatenate(image_tokens), emit)
        return self._local_answer(answer, prepared.grid, taken, head, parts)

    def _answer_small(
        self, question: Question, picture: Picture, after: HeadOutput | None, emit: Callable[[str], None]
    ) -> LocalAnswer:
        """By a model with a vision part of its own, which counts as part of its prefill."""
        begun = self._clock()
        image_tokens, grid = self.models.see(picture)
        answer = self.models.write(question, grid, image_tokens, emit, begun)
        return self._local_answer(answer, grid, {"head": 0.0}, after, {})

    def _local_answer(
        self,
        answer: Written,
        grid: Grid,
        taken: Mapping[str, float],
        head: HeadOutput | None,
        parts: Mapping[str, float],
    ) -> LocalAnswer:
        return LocalAnswer(
            answer.tokens,
            {**taken, **answer.milliseconds},
            head,
            {**parts, **answer.parts(grid)},
            answer.scores,
            answer.text,
            answer.confidence,
        )

    def run_head(
        self, prepared: Prepared, cut: str, after: HeadOutput | None
    ) -> tuple[HeadOutput, dict[str, float]]:
        """The head at a cut, from where it has come to with this picture, and what its parts took a tile.
        Raises UnknownName or BundleDamaged.
        """
        if after and after.cut == cut:
            return after, {}
        begun, pixels, taken = self._clock(), None, dict[str, float]()
        if not (after and self._head.passes(after.cut, cut)):
            pixels, after = self._preprocessor.pixels(prepared.picture), None
            taken[PIXELS] = self._since(begun)
        head = self._head.run(pixels, cut, after)
        taken |= head.milliseconds
        return head, {part: milliseconds / prepared.grid.tiles for part, milliseconds in taken.items()}

    @property
    def _last_cut(self) -> str:
        return self._bundle.manifest.pieces[-1].cut

    def _since(self, begun: float) -> float:
        return (self._clock() - begun) * 1000


def _check_picture(picture: Picture) -> None:
    if picture.ndim != 3 or picture.shape[2] != 3 or not picture.size or picture.dtype != "uint8":
        text = (
            f"a picture is RGB (height, width, 3) of uint8, this is {picture.dtype} {picture.shape}; "
            "read it with read_picture"
        )
        raise PictureError(text, shape=picture.shape)
