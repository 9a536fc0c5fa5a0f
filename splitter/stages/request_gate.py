"""The whole request, gated: what a bundle makes of a picture and a question must be what the checkpoint's own
processor and `generate` make of them.

The identity gate compares models on equal inputs; this one compares what is in front of the model, its
prompt, tiles and pixels, and what is behind it, the choice of tokens.
"""

from collections.abc import Iterator, Sequence

import torch

from protos.errors import CheckpointError
from protos.pictures.tiles import largest_grid
from splitter.evaluate.answers import written
from splitter.evaluate.evaluation_set import EvaluationSet
from splitter.evaluate.manifest_pixels import manifest_pixels
from splitter.evaluate.own_pipeline import Inputs, OwnPipeline, differing, own_pipeline
from splitter.evaluate.reference import Reference
from splitter.evaluate.subjects import Image
from splitter.evaluate.verify import ReferenceModel, image_tokens
from splitter.families import Matching
from splitter.families.files.checkpoint import reading
from splitter.families.files.generation import not_obeyed
from splitter.families.loading import Checkpoint
from splitter.stages.limits import token_limits
from splitter.stages.run import Run

_PICTURES = 3
_ANSWER_TOKENS = 24
_TOLERANCE = 1e-4  # of pixels, which are a few units wide
# Asked beside the set's own questions: what a template or a tokenizer may treat in a way of its own.
_ODD_QUESTIONS = ('What does "{question}" SAY?\nnaïve café, 12 % <b>bold</b>', "  two  blanks ")


def request_gate(run: Run, checkpoint: Checkpoint, reference: Reference, evaluation: EvaluationSet) -> None:
    """Raises CheckpointError where the bundle would ask or answer otherwise; `say` is told what cannot be
    compared or is not done.
    """
    for line in run.parts.value("request", lambda: list(_gate(checkpoint, reference, evaluation))):
        run.say(line)


def _gate(checkpoint: Checkpoint, reference: Reference, evaluation: EvaluationSet) -> Iterator[str]:
    _check_pixels(evaluation)
    if isinstance(reference.family, Matching):
        yield "request: pixels and texts are those of the checkpoint's own processor"
        return
    whole = reference.generative()
    if left_out := not_obeyed(whole.family.speaker(whole.model).generation_config):
        yield f"generation_config.json asks for {', '.join(left_out)}, which no answer here follows"
    token_limits(checkpoint.config, len(whole.prompting.ids("", largest_grid(evaluation.preprocessor.steps))))
    processor = evaluation.preprocessor.processor
    own = own_pipeline(whole.family, checkpoint.folder, checkpoint.config, processor)
    if own.absent:
        yield f"request: the prompt cannot be compared with the checkpoint's own, for {own.absent}"
    yield from (_overruling(own, name) for name in own.overruled)
    compared = _RequestGate(whole, own, evaluation, answers=reference.answers)
    compared.check()
    yield compared.verdict


def _overruling(own: OwnPipeline, name: str) -> str:
    return (
        f"{type(own.processor).__name__} would set {name} whatever the checkpoint's file says; the bundle "
        f"does as the file says: {name} {own.overruled[name]}"
    )


def _check_pixels(evaluation: EvaluationSet) -> None:
    """The manifest's steps against the image processor."""
    for picture in evaluation.subject.pictures[:_PICTURES]:
        ours = torch.from_numpy(manifest_pixels(evaluation.preprocessor.steps, picture))
        own = torch.from_numpy(evaluation.preprocessor.pixels([picture]))
        if found := differing({"pixels": own}, {"pixels": ours}, _TOLERANCE):
            raise CheckpointError(
                "the image processor does more than its file says, so that a device would see another "
                f"picture: {found[0]}; mend preprocessor_config.json"
            )


class _RequestGate:
    """One model's requests, ours and its own."""

    def __init__(
        self, whole: ReferenceModel, own: OwnPipeline, evaluation: EvaluationSet, *, answers: bool
    ) -> None:
        self._whole, self._own, self._evaluation, self._answers = whole, own, evaluation, answers
        self._prompts_compared = True

    @property
    def verdict(self) -> str:
        tiled = self._evaluation.preprocessor.steps.HasField("tiles")
        compared = {
            "prompt": self._prompts_compared,
            "tiles": tiled,
            "pixels": True,
            "answers": self._answers,
        }
        parts = ", ".join(name for name, done in compared.items() if done)
        behind = " and generate" if self._answers else ""
        return f"request: {parts}: all those of the checkpoint's own processor{behind}"

    def check(self) -> None:
        """Raises CheckpointError at the first difference."""
        subject = self._evaluation.subject
        asked = {index: question.text for index, question in reversed(subject.questions) if index < _PICTURES}
        for index, text in sorted(asked.items()):
            inputs = self._check_inputs(subject.pictures[index], text)
            if self._answers:
                self._check_answer(subject.pictures[index], text, inputs)
        for text in _ODD_QUESTIONS:
            self._check_inputs(subject.pictures[0], text)

    def _check_inputs(self, picture: Image, question: str) -> Inputs:
        """What goes into the model, as the checkpoint's own processor makes it where it does."""
        ours = self._inputs(picture, question)
        with reading(f"the question {question!r}, by the checkpoint's own processor,", "mend its files"):
            own = self._own.inputs(picture, question)
        if own is None:
            self._prompts_compared = False
            return ours
        if found := differing(own, ours, _TOLERANCE):
            raise CheckpointError(
                f"the bundle would ask {question!r} otherwise than the checkpoint's own processor: "
                f"{'; '.join(found)}; mend the checkpoint's tokenizer and processor files"
            )
        return own

    def _inputs(self, picture: Image, question: str) -> Inputs:
        family, model = self._whole.family, self._whole.model
        pixels = torch.from_numpy(manifest_pixels(self._evaluation.preprocessor.steps, picture))
        return family.inputs(model, self._prompt(picture, question), pixels)

    def _prompt(self, picture: Image, question: str) -> Sequence[int]:
        return self._whole.prompting.ids(question, self._evaluation.preprocessor.grid(picture))

    @torch.inference_mode()
    def _check_answer(self, picture: Image, question: str, inputs: Inputs) -> None:
        family, model, prompting = self._whole.family, self._whole.model, self._whole.prompting
        own = self._own.answer(model, inputs, _ANSWER_TOKENS)
        ended = next((place for place, token in enumerate(own) if token in prompting.stop_tokens), len(own))
        prompt = self._prompt(picture, question)
        pixels = torch.from_numpy(self._evaluation.preprocessor.pixels([picture]))
        rows = family.rows(model, [prompt], image_tokens(family, model, pixels))
        [ours] = written(rows, [family.decoder_prompt(model, prompt)], prompting, _ANSWER_TOKENS)
        if ours != own[:ended]:
            mine, its = prompting.decode(ours), prompting.decode(own[:ended])
            raise CheckpointError(
                f"the bundle would answer {question!r} with {mine!r}, where the checkpoint's own generate "
                f"answers {its!r}; mend generation_config.json"
            )
