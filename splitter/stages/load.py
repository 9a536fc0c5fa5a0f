"""Load: the reference model, read when it is needed, and what it is calibrated and measured on."""

import math
from collections.abc import Sequence

import numpy as np
from transformers import PreTrainedModel

from protos.errors import CheckpointError, UnknownName
from protos.text.prompt import QUESTION
from splitter.evaluate import subjects
from splitter.evaluate.answers import Prompting
from splitter.evaluate.evaluation_set import EvaluationSet
from splitter.evaluate.matching import ReferenceDualEncoder, asked_once, read_dual_encoder
from splitter.evaluate.measures import ANSWERS, FEATURES
from splitter.evaluate.preprocessor import Preprocessor
from splitter.evaluate.reference import Reference
from splitter.evaluate.subjects import Subject
from splitter.evaluate.verify import ReferenceModel
from splitter.families import Family, Generative, Matching, Processor, cut_names, generative
from splitter.families.loading import Checkpoint, load_processor
from splitter.families.prompt import prompt_of, tokenizer_of
from splitter.memory import trim_memory
from splitter.nano import WEIGHTS
from splitter.recipe import BEST_CUTS, Options, model_name
from splitter.stages.check_local import MAX_LANGUAGE_BYTES, check_agree, check_local
from splitter.stages.run import Run

AUTO = "auto"
_MAX_TILE_BYTES = 400 << 20  # of pixels in memory at once; each published cut takes about as much again


def load(run: Run, checkpoint: Checkpoint) -> tuple[Reference, EvaluationSet]:
    """The reference model and the evaluation set, by options that `check_options` let through. Raises
    CheckpointError.

    No weights are read before a stage asks for them.
    """
    with_language = needs_language(checkpoint, run.options)
    preprocessor = preprocessor_of(checkpoint)
    reference = reference_of(run, checkpoint, preprocessor, with_language=with_language)
    evaluation = read_evaluation_set(run.options, preprocessor)
    check_agree(run.options, len(evaluation.subject.pictures))
    return reference, evaluation


def reference_of(
    run: Run, checkpoint: Checkpoint, preprocessor: Preprocessor, *, with_language: bool
) -> Reference:
    """A checkpoint's model, which is read when it is first asked for."""
    return Reference(
        checkpoint.family,
        lambda: _read(run, checkpoint, preprocessor.processor, with_language=with_language),
        with_language=with_language,
    )


def check_options(checkpoint: Checkpoint, options: Options) -> None:
    """Raises CheckpointError or UnknownName for options that this checkpoint cannot be split by, before
    anything is read or made for them.
    """
    check_cuts(checkpoint, options.cuts)
    _check_labels(checkpoint.family, options)
    needs_language(checkpoint, options)
    if options.with_local:
        check_local(checkpoint, options)
    if options.calibration or options.checkpoint != WEIGHTS:
        subjects.check_calibration(options.calibration)


def check_cuts(checkpoint: Checkpoint, wanted: Sequence[str]) -> None:
    """Raises UnknownName for a cut that the checkpoint cannot have."""
    possible = cut_names(checkpoint.family, checkpoint.empty)
    for name in wanted if tuple(wanted) != BEST_CUTS else ():
        if name not in possible:
            raise UnknownName("cut", name, possible)


def needs_language(checkpoint: Checkpoint, options: Options) -> bool:
    """Whether the language model is loaded: what follows the image tokens is needed for answers, and for
    nothing else. Raises CheckpointError for options that do not go together.
    """
    if not checkpoint.language and options.measure == FEATURES:
        raise CheckpointError(
            f"the language model of a {checkpoint.family.name} cannot be left out yet; leave out "
            "--measure features"
        )
    small = checkpoint.language_bytes <= MAX_LANGUAGE_BYTES
    loaded = options.measure == ANSWERS or (options.measure == AUTO and small)
    if options.with_local and not loaded:
        size = f"{checkpoint.language_bytes / 1e9:.1f} GB"
        raise CheckpointError(
            f"--with-local needs the language model in memory, {size} as FP32: leave it out, or give "
            "--measure answers"
        )
    return loaded


def preprocessor_of(checkpoint: Checkpoint) -> Preprocessor:
    """The checkpoint's own processor, and the pixels that the model takes of it."""
    shape = checkpoint.family.pixel_shape(checkpoint.empty)
    return Preprocessor(checkpoint.family, load_processor(checkpoint.folder), shape)


def read_evaluation_set(options: Options, preprocessor: Preprocessor) -> EvaluationSet:
    """What is calibrated and measured on: of pictures in tiles, as many as fit into memory."""
    tiled = preprocessor.steps.HasField("tiles")
    subject = _subject(options, matching=isinstance(preprocessor.family, Matching))
    if tiled:
        size = np.dtype(np.float32).itemsize * math.prod(preprocessor.pixel_shape)
        most = max(1, _MAX_TILE_BYTES // size)
        subject = subjects.fewer(subject, lambda picture: preprocessor.grid(picture).tiles, most)
    return EvaluationSet(subject, preprocessor)


def _check_labels(family: Family, options: Options) -> None:
    if not isinstance(family, Matching) and (options.labels or options.template):
        raise CheckpointError(
            f"a {family.name} answers questions and does not choose among labels; leave out --labels and "
            "--template"
        )


def _subject(options: Options, *, matching: bool) -> Subject:
    if options.calibration:
        found = subjects.folder(options.calibration, options.calibration_pictures, options.report_pictures)
        return asked_once(found) if matching else found
    return subjects.scenes(options.calibration_pictures, options.report_pictures)


def _read(
    run: Run, checkpoint: Checkpoint, processor: Processor, *, with_language: bool
) -> ReferenceModel | ReferenceDualEncoder:
    """The model, without its language model where that is left out."""
    model = checkpoint.model(language=with_language)
    trim_memory()  # what reading it took
    family, options = checkpoint.family, run.options
    if isinstance(family, Matching):
        return read_dual_encoder(family, model, processor, options.labels, options.template)
    answering = generative(family)
    return ReferenceModel(answering, model, _prompting(run, answering, model, processor))


def _prompting(run: Run, family: Generative, model: PreTrainedModel, processor: Processor) -> Prompting:
    tokenizer = tokenizer_of(processor)
    prompt = prompt_of(family, model, processor, tokenizer)
    if QUESTION not in prompt.template:
        run.say(
            f"{model_name(run.options)} has no chat template, so it is taken for a captioner: it says what "
            "it sees, whatever it is asked"
        )
    return Prompting(prompt, tokenizer)
