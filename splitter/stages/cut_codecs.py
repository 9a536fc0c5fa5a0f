"""The codecs of one cut: weighed once, then fitted by each kind that was asked for."""

from protos.errors import CheckpointError
from splitter.codecs.arrays import Tensors
from splitter.codecs.coding import Coding
from splitter.codecs.kind import Calibration, Learning, codec_kinds
from splitter.codecs.levels import Weighing
from splitter.codecs.tail_from import CutTail
from splitter.codecs.weighing import load_weighing, save_weighing, weighing
from splitter.stages.run import Run


def weigh(run: Run, tail: CutTail, boundary: Tensors) -> Weighing:
    """How each tensor is taken and what its errors cost the tail, where a codec asks for it; found once.

    Fitting by it needs no model.
    """
    if not any(kind.weighs for kind in codec_kinds(run.options.codecs)):
        return {}
    return load_weighing(
        run.parts.file(f"weighed-{tail.cut}.npz", lambda path: save_weighing(weighing(tail, boundary), path))
    )


def cut_codecs(
    run: Run, tail: CutTail, boundary: Tensors, weighed: Weighing, learning: Learning | None = None
) -> list[Coding]:
    """The codecs that were asked for, from the cut's boundary on the calibration pictures.

    `boundary`: (pictures, tokens, width) by tensor name. Without `learning` no codec is trained. Raises
    CheckpointError where none of them can carry it.
    """
    kinds = codec_kinds(run.options.codecs)
    misfits = {kind.name: reason for kind in kinds if (reason := kind.misfit(boundary))}
    for name, reason in misfits.items():
        run.say(f"{tail.cut}: {name} is left out: {reason}")
    if len(misfits) == len(kinds):
        raise CheckpointError(
            f"{tail.cut}: no codec that was asked for can carry what crosses; add --codec int8-zstd",
            cut=tail.cut,
        )
    calibration = Calibration(boundary, weighed, tail, learning)
    return [coding for kind in kinds if kind.name not in misfits for coding in kind.fit(calibration)]
