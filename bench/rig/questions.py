"""The questions of the demonstration: scenes that training never saw, one question about each."""

import cv2
import numpy as np

from bench.rig.outcomes import VisualQuestion
from edge.upload.picture_encoder import encode_picture
from protos import bundle_pb2 as pb
from protos import inference_pb2 as wire
from protos.bundle import Bundle
from protos.limits import CLIENT_SECRET_BYTES
from protos.measurements import coding_of
from splitter.nano.questions import KINDS, Question, ask_all
from splitter.nano.scenes import HELD_OUT_SEEDS, Raster, picture

DEMO_SEEDS = HELD_OUT_SEEDS + 5_000_000  # apart from those that the evaluation uses


def draw(bundle: Bundle, jpeg: pb.MeasuredUpload, count: int, first: int = 0) -> list[VisualQuestion]:
    """`count` questions, each about a scene of its own, the kinds of question in turn."""
    return [_visual_question(bundle, jpeg, first + index) for index in range(count)]


def _visual_question(bundle: Bundle, jpeg: pb.MeasuredUpload, index: int) -> VisualQuestion:
    scene = picture(DEMO_SEEDS + index)
    question = _question(index)
    jpeg_bytes = _request_size(bundle, question.text, encode_picture(scene.image, coding_of(jpeg)))
    return VisualQuestion(
        f"scene-{index:02d}", _png(scene.image), question.kind, question.text, question.answer, jpeg_bytes
    )


def _question(index: int) -> Question:
    """A question of the index's kind, or of the next kind that the scene allows."""
    scene = picture(DEMO_SEEDS + index).scene
    turn = index % len(KINDS)
    return ask_all(scene, np.random.default_rng(index), (*KINDS[turn:], *KINDS[:turn]))[0]


def _png(image: Raster) -> bytes:
    return cv2.imencode(".png", image[..., ::-1])[1].tobytes()


def _request_size(bundle: Bundle, question: str, data: bytes) -> int:
    """The whole message that would carry this picture."""
    request = wire.InferRequest(
        id="0" * 8,
        bundle=bundle.id,
        question=question,
        picture=wire.Picture(data=data),
        client_secret=bytes(CLIENT_SECRET_BYTES),
    )
    return request.ByteSize()
