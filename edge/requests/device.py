"""What the device itself does for a request: look, reach a cut, code what crosses it, answer alone."""

import math
import time
from collections.abc import Callable
from functools import cached_property

import numpy as np

from edge.costs.profile import DeviceProfile
from edge.models.dual_encoder import LocalDualEncoder
from edge.models.head import Head, HeadOutput
from edge.models.local_model import LocalModel, available
from edge.pictures.files import encode_picture
from edge.pictures.preprocess import Preprocessor
from edge.policy.arms import Arm
from edge.requests.state import Task
from edge.upload.feature_encoders import FeatureEncoders
from edge.upload.frame_coder import FrameCoder
from protos import inference_pb2 as pb
from protos.bundle import Bundle
from protos.errors import PictureError
from protos.limits import check_generation, check_labels, check_question
from protos.matching import Floats


class Device:
    """The device's half of the work. The head and the local model are loaded when they are first needed, and
    kept.
    """

    def __init__(
        self,
        bundle: Bundle,
        profile: DeviceProfile,
        threads: int = 1,
        clock: Callable[[], float] = time.monotonic,
        provider: str = "",
    ) -> None:
        self._bundle, self._threads, self._clock, self._provider = bundle, threads, clock, provider
        self.profile, self.has_local = profile, available(bundle)
        self.matches = bundle.manifest.HasField(
            "matching"
        )  # pictures with labels, instead of answering questions
        self._preprocessor = Preprocessor(bundle.manifest.preprocessing)
        self._senders = FeatureEncoders(bundle, threads)
        self._stream = FrameCoder(bundle, self._senders)

    @cached_property
    def _head(self) -> Head:
        return Head(self._bundle, self._threads, self._provider)

    @cached_property
    def _local(self) -> LocalModel:
        return LocalModel(self._bundle, self._threads, self._provider)

    @cached_property
    def _matcher(self) -> LocalDualEncoder:
        return LocalDualEncoder(self._bundle, self._threads, self._provider)

    def prepare(self) -> None:
        """Load the head, the codecs, and the local model if there is one. Raises BundleDamaged."""
        self._head.load(self._bundle.manifest.pieces[-1].cut)
        self._senders.load()
        if self.matches:
            assert self._matcher
        elif self.has_local:
            assert self._local

    def look(self, task: Task) -> None:
        """Check what came and bring the picture to the model's size. Raises PromptError, PictureError or
        RequestError.
        """
        check_labels(task.labels, self._bundle.manifest)
        if not self.matches:
            check_question(task.question, self._bundle.manifest.limits)
            check_generation(task.generation)
        picture = task.picture
        if picture.ndim != 3 or picture.shape[2] != 3 or not picture.size or picture.dtype != "uint8":
            text = (
                f"a picture is RGB (height, width, 3) of uint8, this is {picture.dtype} "
                f"{picture.shape}; read it with read_picture"
            )
            raise PictureError(text, shape=picture.shape)
        with task.stage("preprocess"):
            task.picture = self._preprocessor.resize(picture)

    def tiles(self, task: Task) -> int:
        """How many tiles a picture that was looked at becomes."""
        return self._preprocessor.grid(task.picture).tiles

    def request(self, task: Task, arm: Arm) -> pb.InferRequest:
        """What an arm sends; runs the head and the coder as far as it needs them."""
        request = pb.InferRequest(id=task.name, bundle=self._bundle.digest, labels=task.labels)
        if not self.matches:
            request.question = task.question
            request.generation.CopyFrom(task.generation)
        if arm.kind == "cached":
            request.cached_frame = task.frame or ""
        elif arm.kind == "upload":
            request.picture.data = self._picture(task, arm)
        else:
            request.features.CopyFrom(self._features(task, arm))
        return request

    def acknowledge(self, task: Task, frame: str) -> None:
        """The cloud answered what was sent, and calls the frame so."""
        if task.coded:
            self._stream.acknowledge(task.coded, frame)

    def send_whole(self, task: Task) -> bool:
        """Code this frame against no other from now on; False if that is how it was sent already."""
        coded = task.coded
        if coded is None or not coded.reference:
            return False
        self._stream.forget(coded)
        task.whole = True
        return True

    def unavailable_reason(self, task: Task) -> str:
        """Why the device cannot answer alone, whatever the rules; empty if it can."""
        if self.matches:
            return self._matcher.unavailable_reason(task.labels, task.given)
        if not self.has_local:
            return "the local model is not on this device"
        return (
            "local answers are greedy, a temperature was asked for" if task.generation.temperature > 0 else ""
        )

    def may_answer(self, task: Task) -> bool:
        """Whether a local answer may stand in for the cloud's."""
        return task.rules.allow_local and not self.unavailable_reason(task)

    def unread(self, task: Task) -> int:
        """How many labels the device's text tower would have to read for this."""
        return len(self._matcher.unread(task.labels, task.given))

    def answer_ms(self, task: Task, tokens: float) -> float:
        """What a local answer would still take, from the boundary already reached."""
        names = list(self.profile.pieces)
        rest = names[names.index(task.reached.cut) + 1 :] if task.reached else names
        head = self.tiles(task) * math.fsum(self.profile.pieces[name] for name in rest)
        return head + self.profile.prefill_ms + tokens * self.profile.token_ms

    def answer(self, task: Task) -> int:
        """Answer here, from the boundary already reached; gives the number of pieces of text, which is about
        that of tokens.
        """
        (image_tokens,) = self._reach(task, self._bundle.manifest.pieces[-1].cut).boundary.values()
        if self.matches:
            return self._compare(task, image_tokens)
        count, begun, grid = 0, self._clock(), self._preprocessor.grid(task.picture)
        for text in self._local.answer(
            np.concatenate(image_tokens), task.question, task.generation.max_tokens, grid
        ):
            task.took("generate" if count else "first_token", (self._clock() - begun) * 1000)
            task.tell(text)
            count, begun = count + 1, self._clock()
        return count

    def _compare(self, task: Task, embedding: Floats) -> int:
        with task.stage("first_token"):
            task.scores = self._matcher.compare(embedding[0, 0], task.labels, task.given)
        task.tell(task.scores[0].label)
        return 1

    def _reach(self, task: Task, cut: str) -> HeadOutput:
        with task.stage("head"):
            task.reached = self._head.run(self._preprocessor.pixels(task.picture), cut, after=task.reached)
        return task.reached

    def _features(self, task: Task, arm: Arm) -> pb.Features:
        boundary = self._reach(task, arm.cut).boundary
        with task.stage("encode"):
            task.coded = self._stream.encode(
                arm.cut, arm.coding, boundary, self._preprocessor.grid(task.picture), whole=task.whole
            )
        task.payload_bytes += task.coded.size
        return task.coded.message()

    def _picture(self, task: Task, arm: Arm) -> bytes:
        with task.stage("encode"):
            data = encode_picture(task.picture, *arm.picture)
        task.payload_bytes += len(data)
        return data
