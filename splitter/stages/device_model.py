"""What answers on the device, as files of a bundle and the manifest's part about them."""

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import torch
from torch import Tensor

from protos import bundle_pb2 as pb
from protos.bundle import FORMAT
from protos.pictures.tiles import largest_grid
from splitter.decoders.local import write_local
from splitter.decoders.text_tower import write_texts
from splitter.evaluate.evaluation_set import EvaluationSet
from splitter.evaluate.reference import Reference
from splitter.evaluate.verify import ReferenceModel, image_tokens
from splitter.graph.chain import Chain
from splitter.local_choice import INT4 as INT4_LOCAL
from splitter.local_choice import SMALL_LOCAL
from splitter.nano.small import with_small_decoder
from splitter.quantize.quant_format import INT4, QuantFormat
from splitter.recipe import Options
from splitter.stages.limits import LIMITS, token_limits
from splitter.stages.pieces import write_pieces
from splitter.stages.run import Run
from splitter.stages.small_model import SmallModel

_PROMPTS = 8  # that show how far the decoder's channels reach
_FOLDER = "edge/local"


def write_device(
    run: Run, reference: Reference, evaluation: EvaluationSet, small: SmallModel | None, staging: Path
) -> pb.Manifest:
    """What the device needs to answer alone: the manifest's part about it."""
    options = run.options
    if dual_encoder := reference.dual_encoder():
        local = write_texts(dual_encoder, staging, options.quant_format, with_local=options.with_local)
        return pb.Manifest(local=local)
    if not options.with_local:
        return pb.Manifest()
    run.say("exporting the decoder for local answers")
    (staging / _FOLDER).mkdir()
    if small:
        return pb.Manifest(local=pb.Local(own=_write_small(run, small, staging)))
    return pb.Manifest(local=_write_decoder(reference.generative(), evaluation, staging, options))


def _write_small(run: Run, small: SmallModel, staging: Path) -> pb.Manifest:
    """A model of its own: all that a bundle says of a model, but for what crosses to a cloud."""
    reference, steps = small.reference.generative(), small.evaluation.preprocessor.steps
    picture = len(reference.prompting.ids("", largest_grid(steps)))
    limits = pb.Limits()
    limits.CopyFrom(LIMITS)
    limits.MergeFrom(token_limits(small.checkpoint.config, picture))
    # a token has a byte at least: what fits in bytes fits in tokens
    limits.max_question_bytes = min(limits.max_question_bytes, limits.max_prompt_tokens - picture)
    chain = Chain(small.pieces, run.options.threads)
    return pb.Manifest(
        format=FORMAT,
        model=small.name,
        family=small.checkpoint.family.name,
        preprocessing=steps,
        prompt=reference.prompting.prompt,
        pieces=write_pieces(chain, small.evaluation, small.plan, small.pieces, staging, _FOLDER),
        cuts=[pb.Cut(name=cut) for cut in small.plan.cuts],
        local=_write_decoder(reference, small.evaluation, staging, run.options),
        limits=limits,
        precision=pb.Precision(**run.options.quant_format.parts),
    )


def _write_decoder(
    reference: ReferenceModel, evaluation: EvaluationSet, staging: Path, options: Options
) -> pb.Local:
    folder, choice = staging / _FOLDER, options.local
    # behind the same vision part, with the same tokenizer and token table
    model = with_small_decoder(reference.model) if choice == SMALL_LOCAL else reference.model
    precision = QuantFormat(INT4) if choice.kind == INT4_LOCAL else options.quant_format
    prompts = _prompts(reference, evaluation)
    local = write_local(reference.family, model, folder, prompts, precision, choice.layers)
    reference.prompting.tokenizer.save(str(folder / "tokenizer.json"))
    local.decoder, local.embeddings = f"{_FOLDER}/{local.decoder}", f"{_FOLDER}/{local.embeddings}"
    local.tokenizer = f"{_FOLDER}/tokenizer.json"
    return local


@torch.inference_mode()
def _prompts(reference: ReferenceModel, evaluation: EvaluationSet) -> Iterator[Tensor]:
    """Embeddings (1, t, width) of questions about a few calibration pictures, their image tokens in place."""
    table = reference.model.get_input_embeddings()
    questions = cycle(evaluation.questions)
    for picture in evaluation.subject.calibration[:_PROMPTS]:
        pixels = torch.from_numpy(evaluation.preprocessor.pixels([picture]))
        grid = evaluation.preprocessor.grid(picture)
        ids = torch.tensor(reference.prompting.ids(next(questions), grid))
        embeds = table(ids)
        embeds[ids == reference.prompting.prompt.image_token] = image_tokens(
            reference.family, reference.model, pixels
        ).flatten(0, 1)
        yield embeds[None]
