"""A checkpoint in, a bundle out: the stages of a split, in order."""

from functools import partial
from pathlib import Path

from protos.bundle import Bundle, write_manifest
from protos.held_out import write_held_out
from splitter.families.loading import Checkpoint
from splitter.recipe import Options, recipe
from splitter.stages.choose_cuts import choose_cuts
from splitter.stages.cloud_costs import cloud_costs
from splitter.stages.fit import fit
from splitter.stages.gate import export, gate
from splitter.stages.held_out import held_out
from splitter.stages.load import check_options, load
from splitter.stages.losses import answer_warnings, noise_notes, promise_notes
from splitter.stages.measure import measure
from splitter.stages.quantise import quantise
from splitter.stages.request_gate import request_gate
from splitter.stages.run import Run, Say, StepProgress
from splitter.stages.small_model import small_model
from splitter.stages.smooth import smoothed
from splitter.stages.write import write, write_figures, write_report
from splitter.storage.disk_space import check_disk_space, raising_disk_full
from splitter.storage.output import check_output, made_before, put_in_place
from splitter.storage.parts import Parts
from splitter.storage.tail import tail_bytes


def split(
    options: Options,
    output: Path,
    *,
    replace: bool = False,
    say: Say = print,
    advance: StepProgress = lambda *_: None,
) -> Bundle:
    """Make the bundle at `output`, or find it there. Raises CheckpointError, UnknownName or BundleError; what
    is wrong with options and places is found before anything is made.

    `say` is told of each step, `advance` of (step, done, of) within long ones.
    """
    check_output(output)
    checkpoint = Checkpoint(options.checkpoint)
    check_options(checkpoint, options)
    cooked = recipe(options, partial(advance, "reading the checkpoint"))
    existing = made_before(output, cooked, replace=replace)
    if existing:
        say(f"{output} is already split by this recipe; reused")
        Parts.discard(output, cooked)
        return existing
    parts = Parts(output, cooked)
    with parts.locked(), raising_disk_full(output, parts.folder):
        for line in parts.told():
            say(line)
        try:
            return _split(Run(options, parts, say, advance), checkpoint, output, cooked)
        except KeyboardInterrupt:
            kept = f"finished steps are kept in {parts.folder}, " if parts.kept else ""
            say(f"interrupted; {kept}the same command goes on from there")
            raise


def _split(run: Run, checkpoint: Checkpoint, output: Path, cooked: str) -> Bundle:
    _check_disk(run, checkpoint, output)
    reference, evaluation = load(run, checkpoint)
    request_gate(run, checkpoint, reference, evaluation)
    small = small_model(run, evaluation)
    plan = choose_cuts(run, checkpoint, reference, evaluation)
    tower = smoothed(run, evaluation, export(run, reference))
    identity = gate(run, reference, evaluation, plan, tower)
    head = quantise(run, reference, evaluation, plan, tower)
    del tower  # what follows needs the room
    codings = fit(run, reference, evaluation, plan, head.pieces)
    staging = run.parts.staging()
    manifest = write(run, checkpoint, reference, evaluation, plan, head, codings, small, staging)
    if pictures := held_out(run, reference, evaluation):
        write_held_out(staging, pictures)
    measured = measure(run, reference, evaluation, plan, head.pieces, manifest, staging)
    warnings = [
        *head.warnings,
        *run.tell(answer_warnings(measured.figures)),
        *run.tell(noise_notes(measured.figures)),
        *run.tell(promise_notes(measured.figures)),
    ]
    costs = cloud_costs(run, reference, evaluation, plan.cuts)
    run.advance("reading the bundle", 0, 1)
    digest = write_manifest(staging, manifest)
    write_figures(digest, cooked, measured, costs, staging)
    write_report(digest, manifest.model, evaluation, measured, head, identity, warnings, staging)
    put_in_place(staging, output)
    run.parts.remove()
    return Bundle.open(output)


def _check_disk(run: Run, checkpoint: Checkpoint, output: Path) -> None:
    """Room for the tail, the tower in FP32 and in its format, and the pieces, which may turn out FP32; less
    what is written already.
    """
    options = run.options
    published = 1 if options.only_if_faster or options.max_loss is not None else options.quant_format.share
    towers = int((1 + options.quant_format.share + published) * checkpoint.vision_bytes)
    check_disk_space(output, tail_bytes(checkpoint.tensors) + towers - run.parts.size)
