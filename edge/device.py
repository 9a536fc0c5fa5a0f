"""What the device itself does for a request: look, reach a cut, code what crosses it, answer alone."""

import math
import time
from collections.abc import Callable
from functools import cached_property

from edge.arms import Arm
from edge.head import Head, Reached
from edge.local import LocalModel, available
from edge.policy import Rules
from edge.preprocess import Preprocessor
from edge.profile import DeviceProfile
from edge.sources import encode_picture
from edge.task import Task
from protos import codec
from protos import inference_pb2 as pb
from protos.bundle import Bundle
from protos.errors import PictureError
from protos.limits import check_question


class Device:
    """The device's half of the work. The head and the local model are loaded when they are first needed, and kept."""

    def __init__(self, bundle: Bundle, profile: DeviceProfile, threads: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self._bundle, self._threads, self._clock = bundle, threads, clock
        self.profile, self.has_local = profile, available(bundle)
        self._preprocessor = Preprocessor(bundle.manifest.preprocessing)
        self._coders: dict[str, codec.Codec] = {}

    @cached_property
    def _head(self) -> Head:
        return Head(self._bundle, self._threads)

    @cached_property
    def _local(self) -> LocalModel:
        return LocalModel(self._bundle, self._threads)

    def prepare(self) -> None:
        """Load the head, and the local model if there is one. Raises BundleDamaged."""
        self._head.load(self._bundle.manifest.pieces[-1].cut)
        if self.has_local:
            assert self._local

    def look(self, task: Task) -> None:
        """Check what came and bring the picture to the model's size. Raises PromptError or PictureError."""
        check_question(task.question, self._bundle.manifest.limits)
        picture = task.picture
        if picture.ndim != 3 or picture.shape[2] != 3 or not picture.size or picture.dtype != "uint8":
            text = f"a picture is RGB (height, width, 3) of uint8, this is {picture.dtype} {picture.shape}; read it with read_picture"
            raise PictureError(text, shape=picture.shape)
        with task.stage("preprocess"):
            task.picture = self._preprocessor.resize(picture)

    def request(self, task: Task, arm: Arm) -> pb.InferRequest:
        """What an arm sends; runs the head and the coder as far as it needs them."""
        request = pb.InferRequest(id=task.name, bundle=self._bundle.digest, question=task.question, generation=task.generation)
        if arm.kind == "again":
            request.seen = task.frame or ""
        elif arm.kind == "upload":
            request.picture.data = self._picture(task, arm)
        else:
            request.features.CopyFrom(self._features(task, arm))
        return request

    def may_answer(self, rules: Rules, generation: pb.Generation) -> bool:
        """Whether a local answer may stand in for the cloud's."""
        return self.has_local and rules.allow_local and not generation.temperature > 0

    def answer_ms(self, task: Task, tokens: float) -> float:
        """What a local answer would still take, from the boundary already reached."""
        names = list(self.profile.pieces)
        rest = names[names.index(task.reached.cut) + 1 :] if task.reached else names
        return math.fsum(self.profile.pieces[name] for name in rest) + self.profile.prefill_ms + tokens * self.profile.token_ms

    def answer(self, task: Task) -> int:
        """Answer here, from the boundary already reached; gives the number of pieces of text, which is about that of tokens."""
        (image_tokens,) = self._reach(task, self._bundle.manifest.pieces[-1].cut).boundary.values()
        count, begun = 0, self._clock()
        for text in self._local.answer(image_tokens[0], task.question, task.generation.most_tokens):
            task.took("generate" if count else "first_token", (self._clock() - begun) * 1000)
            task.tell(text)
            count, begun = count + 1, self._clock()
        return count

    def _reach(self, task: Task, cut: str) -> Reached:
        with task.stage("head"):
            task.reached = self._head.run(self._preprocessor.pixels(task.picture), cut, after=task.reached)
        return task.reached

    def _features(self, task: Task, arm: Arm) -> pb.Features:
        codes = self._reach(task, arm.cut).codes[arm.coding]
        with task.stage("encode"):
            payloads = self._coder(arm).encode(codes)
        task.payload_bytes = sum(map(len, payloads.values()))
        return pb.Features(cut=arm.cut, codec=arm.coding, payloads=[pb.Payload(name=n, data=d) for n, d in payloads.items()])

    def _coder(self, arm: Arm) -> codec.Codec:
        """The sender's half of an arm's codec, its tables read once."""
        if arm.name not in self._coders:
            spec = self._bundle.codec(arm.cut, arm.coding)
            self._coders[arm.name] = codec.sender(spec, self._bundle.file(spec.sender) if spec.sender else None)
        return self._coders[arm.name]

    def _picture(self, task: Task, arm: Arm) -> bytes:
        with task.stage("encode"):
            data = encode_picture(task.picture, *arm.picture)
        task.payload_bytes = len(data)
        return data
