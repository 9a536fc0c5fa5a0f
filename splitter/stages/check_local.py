"""What is wrong with the model that is to answer on the device, found before anything is made."""

from protos.errors import CheckpointError
from splitter.decoders.local import check_decoder
from splitter.evaluate.promise import least_pictures
from splitter.families import Matching
from splitter.families.causal import Causal
from splitter.families.loading import Checkpoint, load_processor
from splitter.families.prompt import tokenizer_of
from splitter.local_choice import LAYERS, SMALL, WHOLE
from splitter.nano import WEIGHTS
from splitter.recipe import Options

MAX_LANGUAGE_BYTES = 2 << 30  # of a language model in memory, unless it was asked for


def check_local(checkpoint: Checkpoint, options: Options) -> None:
    """Raises CheckpointError for a choice that this checkpoint cannot have. No weights are read."""
    choice = options.local
    if isinstance(checkpoint.family, Matching):
        if options.agree is not None:
            raise CheckpointError("--agree is about answers, and a dual encoder gives none; leave it out")
        if choice.kind != WHOLE:
            raise CheckpointError(
                f"a {checkpoint.family.name} answers on the device with its own text tower and no other; "
                "leave out --local, and give --with-local"
            )
        return
    if choice.kind == SMALL and options.checkpoint != WEIGHTS:
        raise CheckpointError(
            "only the built-in model brings a small language model for the device; give a smaller checkpoint "
            "of your own instead of --local small"
        )
    if choice.checkpoint:
        _check_small(checkpoint, Checkpoint(choice.checkpoint))
        return
    causal = check_decoder(checkpoint.family, checkpoint.empty)
    if choice.kind == LAYERS:
        _check_layers(causal, checkpoint, choice.layers or 0)


def check_agree(options: Options, pictures: int) -> None:
    """Raises CheckpointError where so few held-out pictures cannot show the agreement that is asked for, even
    if all answers agree.
    """
    if options.agree is None:
        return
    if not options.with_local:
        raise CheckpointError(
            "--agree is about what the device answers; let it with --with-local, or --local MODEL"
        )
    needed = least_pictures(options.agree)
    if pictures < needed:
        raise CheckpointError(
            f"--agree {100 * options.agree:g}% needs at least {needed} held-out pictures to be shown, there "
            f"are {pictures}: give --report-pictures {needed} (of a folder a fourth is measured on, so "
            f"{4 * needed} in --calibration), or ask less",
            needed=needed,
            pictures=pictures,
        )


def _check_small(whole: Checkpoint, small: Checkpoint) -> None:
    if small.folder.resolve() == whole.folder.resolve():
        raise CheckpointError(
            f"--local {small.folder} is the checkpoint that is split; for its own language model on the "
            "device give --with-local, for a smaller one of it --local int4 or --local layers=N"
        )
    if isinstance(small.family, Matching):
        raise CheckpointError(
            f"--local {small.folder} is a {small.family.name}, which matches pictures with texts and answers "
            "no questions; give a checkpoint that does"
        )
    check_decoder(small.family, small.empty)
    tokenizer_of(load_processor(small.folder))
    small.check_weights()
    if small.language_bytes > MAX_LANGUAGE_BYTES:
        raise CheckpointError(
            f"the language model of --local {small.folder} takes {small.language_bytes / 1e9:.1f} GB as "
            f"FP32, more than the {MAX_LANGUAGE_BYTES / 1e9:.1f} GB allowed; give a smaller one"
        )


def _check_layers(causal: Causal, checkpoint: Checkpoint, layers: int) -> None:
    depth = causal.decoder(checkpoint.empty).config.num_hidden_layers
    if layers >= depth:
        raise CheckpointError(
            f"the decoder has {depth} layers: --local layers={layers} leaves none out; give at most "
            f"layers={depth - 1}, or --with-local for all"
        )
