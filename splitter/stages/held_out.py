"""Held-out pictures that come with a bundle, so that a device in the field can test itself on them.

They are at the model's size, one question each, as JPEG. Where nobody knows the right answer it is the whole
model's about that JPEG, so that what the file loses is not counted against the device.
"""

from collections.abc import Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from protos import bundle_pb2 as pb
from protos.held_out import MAX_HELD_OUT_BYTES
from protos.pictures.upload_formats import Coding
from splitter.evaluate import uploads
from splitter.evaluate.answers import greedy
from splitter.evaluate.evaluation_set import EvaluationSet
from splitter.evaluate.matching import ReferenceDualEncoder, best_labels
from splitter.evaluate.reference import Reference
from splitter.evaluate.subjects import AGREEMENT
from splitter.evaluate.verify import image_tokens
from splitter.nano.questions import Question
from splitter.stages.run import Run

USUAL = 16  # of the built-in scenes; pictures of a user's own travel to devices only where that is wished
_CODING = Coding("jpeg", 95)
_MAX_TOKENS = 24  # of an answer: devices take long over more
_PICTURE_OVERHEAD = 2048  # bytes at most of what stands beside a picture's file

_Asked = tuple[bytes, Question]


def held_out(run: Run, reference: Reference, evaluation: EvaluationSet) -> pb.HeldOut | None:
    """As many as the options say and there is room for; None where that is none, or where a split has nothing
    that answers them.
    """
    options = run.options
    wanted = options.self_test_pictures
    if wanted is None:
        wanted = 0 if options.calibration else USUAL
    asked = list(_asked(evaluation, wanted))
    if not asked:
        return None
    if not _answerable(reference):
        run.say(
            "no pictures for self-tests: what would be right is not known, without the language model or "
            "labels of the bundle's own"
        )
        return None
    answers = run.parts.value("self-test-answers", partial(_answers, reference, evaluation, asked))
    matching = reference.dual_encoder() is not None
    pictures = [
        pb.HeldOutPicture(file=file, question="" if matching else question.text, answer=answer)
        for (file, question), answer in zip(asked, answers, strict=True)
    ]
    return pb.HeldOut(pictures=pictures, max_tokens=_MAX_TOKENS)


def _answerable(reference: Reference) -> bool:
    dual_encoder = reference.dual_encoder()
    return bool(dual_encoder.matching.labels) if dual_encoder else reference.answers


def _asked(evaluation: EvaluationSet, wanted: int) -> Iterator[_Asked]:
    """A picture and one of the questions about it, of all kinds in turn, as long as there is room."""
    room = MAX_HELD_OUT_BYTES
    for index, picture in enumerate(evaluation.resized[:wanted]):
        about = [question for place, question in evaluation.subject.questions if place == index]
        file = uploads.encode(picture, _CODING)
        room -= len(file) + _PICTURE_OVERHEAD
        if room < 0:
            return
        yield file, about[index % len(about)]


def _answers(reference: Reference, evaluation: EvaluationSet, asked: Sequence[_Asked]) -> list[str]:
    """The right answers, or the whole model's."""
    if not any(question.kind == AGREEMENT for _, question in asked):
        return [question.answer for _, question in asked]
    pictures = [uploads.decode(file) for file, _ in asked]
    pixels = torch.from_numpy(evaluation.preprocessor.pixels(pictures))
    tokens = image_tokens(reference.family, reference.get().model, pixels)
    if dual_encoder := reference.dual_encoder():
        return _labels(dual_encoder, tokens)
    model = reference.generative()
    texts = [(index, question.text) for index, (_, question) in enumerate(asked)]
    grids = [evaluation.preprocessor.grid(picture) for picture in pictures]
    return greedy(model.family, model.model, model.prompting, tokens, texts, _MAX_TOKENS, grids=grids)


def _labels(dual_encoder: ReferenceDualEncoder, tokens: Tensor) -> list[str]:
    _, best = best_labels(dual_encoder, tokens)
    return [dual_encoder.matching.labels[place] for place in best.tolist()]
