"""Write: the bundle's files into a folder beside it, and the manifest that describes them."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from itertools import cycle
from pathlib import Path

import onnx
import torch
from torch import Tensor
from transformers import PretrainedConfig, PreTrainedModel

from protos import bundle_pb2 as pb
from protos.bundle import FORMAT, REPORT
from protos.errors import CheckpointError
from protos.measurements import write_measurements
from protos.pictures.tiles import largest_grid
from splitter.codecs import coding
from splitter.codecs.arrays import Tensors
from splitter.decoders.local import write_local
from splitter.decoders.text_tower import write_texts
from splitter.evaluate.evaluation_set import EvaluationSet
from splitter.evaluate.reference import Reference
from splitter.evaluate.subjects import fingerprint
from splitter.evaluate.verify import ReferenceModel, image_tokens
from splitter.families.loading import Checkpoint
from splitter.graph.chain import Chain
from splitter.graph.cut_plan import CutPlan
from splitter.graph.export import PIXELS, graph_name
from splitter.graph.files import save
from splitter.nano.small import with_small_decoder
from splitter.recipe import SMALL_LOCAL, Options, model_name, versions
from splitter.stages.cloud_costs import CloudCosts
from splitter.stages.fit import Codings
from splitter.stages.measure import Measured
from splitter.stages.quantise import QuantisedHead
from splitter.stages.run import Run
from splitter.storage.tail import write_tail

_LIMITS = pb.Limits(
    max_question_bytes=2000,
    max_prompt_tokens=1024,
    max_new_tokens=64,
    max_picture_bytes=4 << 20,
    max_picture_pixels=40_000_000,
)
_QUESTION_TOKENS = 512  # room for a question behind a picture of many tokens
_FEW_TOKENS = 8  # the least room for a question, and for an answer
_PROMPTS = 8  # that show how far the decoder's channels reach


def write(
    run: Run,
    checkpoint: Checkpoint,
    reference: Reference,
    evaluation: EvaluationSet,
    plan: CutPlan,
    head: QuantisedHead,
    codings: Codings,
    staging: Path,
) -> pb.Manifest:
    """All files of a bundle but the manifest, into an empty folder; and the manifest, which lacks the files'
    digests.
    """
    for half in ("edge", "cloud"):
        (staging / half).mkdir()
    manifest = pb.Manifest(
        format=FORMAT,
        model=model_name(run.options),
        family=checkpoint.family.name,
        precision=pb.Precision(**head.quant_format.parts),
        preprocessing=evaluation.preprocessor.steps,
    )
    chain = Chain(head.pieces, run.options.threads)
    manifest.pieces.extend(_write_pieces(chain, evaluation, plan, head.pieces, staging))
    manifest.cuts.extend(_cuts(chain, evaluation, plan, codings))
    del chain
    manifest.MergeFrom(_write_device(run, reference, evaluation, staging))
    manifest.MergeFrom(_write_cloud(run, checkpoint, reference, evaluation, staging))
    for entry in manifest.cuts:
        coding.write(entry, codings[entry.name], staging)
    return manifest


def write_figures(digest: str, recipe: str, measured: Measured, costs: CloudCosts, staging: Path) -> None:
    """What was measured of the bundle of this digest, into measurements.json."""
    figures = pb.Measurements(recipe=recipe, made_with=versions(), cloud_cost=costs.costs)
    figures.MergeFrom(measured.figures)
    for cut, milliseconds in costs.tails.items():
        figures.cuts[cut].cloud_milliseconds = milliseconds
    write_measurements(staging, figures, digest)


def write_report(
    digest: str,
    model: str,
    evaluation: EvaluationSet,
    measured: Measured,
    head: QuantisedHead,
    identity: Mapping[str, float],
    warnings: Sequence[str],
    staging: Path,
) -> None:
    """Accuracy and bytes of every cut and codec beside pictures, into report.json."""
    report = {
        "bundle": digest,
        "model": model,
        "measure": measured.figures.measure,
        "n": measured.figures.count,
        "questions": len(evaluation.subject.questions),
        "pictures": len(evaluation.subject.pictures),
        "kinds": Counter(question.kind for _, question in evaluation.subject.questions),
        "rows": [asdict(row) for row in measured.rows],
        "fitted_on": sorted(map(fingerprint, evaluation.subject.calibration)),
        "identity": identity,
        "precision": head.facts,
        "warnings": warnings,
    }
    (staging / REPORT).write_text(json.dumps(report, indent=1))


def _write_pieces(
    chain: Chain, evaluation: EvaluationSet, plan: CutPlan, pieces: Sequence[onnx.ModelProto], staging: Path
) -> Iterator[pb.Piece]:
    """The chain of pieces, and their place."""
    one = evaluation.held_out[:1]
    before = [pb.TensorSpec(name=PIXELS, dtype="float32", shape=one.shape[1:])]
    for number, (cut, piece, arrays) in enumerate(zip(plan.cuts, pieces, chain.run(one), strict=True)):
        path = f"edge/{number:02d}-{cut}.onnx"
        save(piece, staging / path)
        boundary = plan.boundary(cut, arrays)
        after = _specs({graph_name(cut, tensor): values for tensor, values in boundary.items()})
        yield pb.Piece(path=path, cut=cut, inputs=before, outputs=after)
        before = after


def _cuts(chain: Chain, evaluation: EvaluationSet, plan: CutPlan, codings: Codings) -> Iterator[pb.Cut]:
    for cut, arrays in zip(plan.cuts, chain.run(evaluation.held_out[:1]), strict=True):
        boundary = plan.boundary(cut, arrays)
        described = [coding.describe(boundary) for coding in codings[cut]]
        yield pb.Cut(name=cut, boundary=_specs(boundary), codecs=described)


def _specs(boundary: Tensors) -> list[pb.TensorSpec]:
    return [pb.TensorSpec(name=t, dtype="float32", shape=v.shape[1:]) for t, v in boundary.items()]


def _write_device(run: Run, reference: Reference, evaluation: EvaluationSet, staging: Path) -> pb.Manifest:
    """What the device needs to answer alone: the manifest's part about it."""
    options = run.options
    if dual_encoder := reference.dual_encoder():
        local = write_texts(dual_encoder, staging, options.quant_format, with_local=options.with_local)
        return pb.Manifest(local=local)
    if not options.with_local:
        return pb.Manifest()
    run.say("exporting the decoder for local answers")
    return pb.Manifest(local=_write_decoder(reference.generative(), evaluation, staging, options))


def _local_model(whole: PreTrainedModel, local: str) -> PreTrainedModel:
    """The model whose language model answers on the device: behind the same vision part, with the same
    tokenizer and token table.
    """
    return with_small_decoder(whole) if local == SMALL_LOCAL else whole


def _write_decoder(
    reference: ReferenceModel, evaluation: EvaluationSet, staging: Path, options: Options
) -> pb.Local:
    folder = staging / "edge" / "local"
    folder.mkdir()
    prompts = _prompts(reference, evaluation)
    model = _local_model(reference.model, options.local)
    local = write_local(reference.family, model, folder, prompts, options.quant_format)
    reference.prompting.tokenizer.save(str(folder / "tokenizer.json"))
    local.decoder, local.embeddings = f"edge/local/{local.decoder}", f"edge/local/{local.embeddings}"
    local.tokenizer = "edge/local/tokenizer.json"
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


def _write_cloud(
    run: Run, checkpoint: Checkpoint, reference: Reference, evaluation: EvaluationSet, staging: Path
) -> pb.Manifest:
    """The whole model, two bytes a number, with its tokenizer and processor: the manifest's part about it."""
    write_tail(checkpoint, run.parts, staging / "cloud", partial(run.advance, "writing the tail"))
    evaluation.preprocessor.processor.save_pretrained(staging / "cloud")
    part = pb.Manifest(limits=_LIMITS)
    if dual_encoder := reference.dual_encoder():
        part.matching.CopyFrom(dual_encoder.write(staging))
        return part
    prompting = reference.generative().prompting
    prompting.tokenizer.save(str(staging / "cloud" / "tokenizer.json"))
    part.prompt.CopyFrom(prompting.prompt)
    picture = prompting.ids("", largest_grid(evaluation.preprocessor.steps))
    part.limits.MergeFrom(token_limits(checkpoint.config, len(picture)))
    return part


def token_limits(config: PretrainedConfig, picture: int = 0) -> pb.Limits:
    """How long prompt and answer may be, where a prompt takes so many tokens without a question.

    Where a language model's positions end, both must fit in front of that. Raises CheckpointError where a
    picture leaves no room for a question and an answer.
    """
    prompt, answer = max(_LIMITS.max_prompt_tokens, picture + _QUESTION_TOKENS), _LIMITS.max_new_tokens
    positions = getattr(config.get_text_config(), "max_position_embeddings", None)
    if positions:
        left = positions - picture
        if left < 2 * _FEW_TOKENS:
            message = (
                f"the language model has {positions} positions and a picture takes {picture}, which leaves "
                "no room for a question and an answer; mend max_position_embeddings, or give a processor "
                "that makes smaller pictures"
            )
            raise CheckpointError(message, positions=positions, picture=picture)
        answer = min(answer, left // 2)
        prompt = min(prompt, positions - answer)
    return pb.Limits(max_prompt_tokens=prompt, max_new_tokens=answer)
