"""Write: the bundle's files into a folder beside it, and the manifest that describes them."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from google.protobuf import json_format

from protos import bundle_pb2 as pb
from protos.bundle import FORMAT, REPORT
from protos.measurements import write_measurements
from protos.pictures.tiles import largest_grid
from splitter.codecs import coding
from splitter.evaluate.evaluation_set import EvaluationSet
from splitter.evaluate.reference import Reference
from splitter.evaluate.subjects import fingerprint
from splitter.families.loading import Checkpoint
from splitter.graph.chain import Chain
from splitter.graph.cut_plan import CutPlan
from splitter.recipe import model_name, versions
from splitter.stages.cloud_costs import CloudCosts
from splitter.stages.device_model import write_device
from splitter.stages.fit import Codings
from splitter.stages.limits import LIMITS, token_limits
from splitter.stages.measure import Measured
from splitter.stages.pieces import tensor_specs, write_pieces
from splitter.stages.quantise import QuantisedHead
from splitter.stages.run import Run
from splitter.stages.small_model import SmallModel
from splitter.storage.tail import write_tail


def write(
    run: Run,
    checkpoint: Checkpoint,
    reference: Reference,
    evaluation: EvaluationSet,
    plan: CutPlan,
    head: QuantisedHead,
    codings: Codings,
    small: SmallModel | None,
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
    manifest.pieces.extend(write_pieces(chain, evaluation, plan, head.pieces, staging))
    manifest.cuts.extend(_cuts(chain, evaluation, plan, codings))
    del chain
    manifest.MergeFrom(write_device(run, reference, evaluation, small, staging))
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
        "escalation": _escalation(measured.figures),
        "fitted_on": sorted(map(fingerprint, evaluation.subject.calibration)),
        "identity": identity,
        "precision": head.facts,
        "warnings": warnings,
    }
    (staging / REPORT).write_text(json.dumps(report, indent=1))


def _escalation(figures: pb.Measurements) -> dict[str, Any] | None:
    """How accuracy climbs with the share of questions that the cloud is asked, with n and 95% intervals;
    None where the device does not say how sure it is.
    """
    if not figures.local.HasField("calibration"):
        return None
    found = json_format.MessageToDict(figures.local.calibration, preserving_proto_field_name=True)
    return {"n": found.pop("count"), **found}


def _cuts(chain: Chain, evaluation: EvaluationSet, plan: CutPlan, codings: Codings) -> Iterator[pb.Cut]:
    for cut, arrays in zip(plan.cuts, chain.run(evaluation.held_out[:1]), strict=True):
        boundary = plan.boundary(cut, arrays)
        described = [coding.describe(boundary) for coding in codings[cut]]
        yield pb.Cut(name=cut, boundary=tensor_specs(boundary), codecs=described)


def _write_cloud(
    run: Run, checkpoint: Checkpoint, reference: Reference, evaluation: EvaluationSet, staging: Path
) -> pb.Manifest:
    """The whole model, two bytes a number, with its tokenizer and processor: the manifest's part about it."""
    write_tail(checkpoint, run.parts, staging / "cloud", partial(run.advance, "writing the tail"))
    evaluation.preprocessor.processor.save_pretrained(staging / "cloud")
    part = pb.Manifest(limits=LIMITS)
    if dual_encoder := reference.dual_encoder():
        part.matching.CopyFrom(dual_encoder.write(staging))
        return part
    prompting = reference.generative().prompting
    prompting.tokenizer.save(str(staging / "cloud" / "tokenizer.json"))
    part.prompt.CopyFrom(prompting.prompt)
    picture = prompting.ids("", largest_grid(evaluation.preprocessor.steps))
    part.limits.MergeFrom(token_limits(checkpoint.config, len(picture)))
    return part
