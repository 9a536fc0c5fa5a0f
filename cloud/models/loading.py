"""A bundle's model by its kind, where it runs best."""

import logging
from collections.abc import Callable, Sequence

import torch
from transformers import PretrainedConfig

from cloud.models.dual_encoder import DualEncoder
from cloud.models.placement import Placement, choose
from cloud.models.served_models import ServedModel
from cloud.models.tail import Tail
from cloud.models.torch_threads import suitable_threads
from protos.bundle import Bundle
from protos.errors import BundleError, RequestError
from splitter.families.loading import Checkpoint

_log = logging.getLogger(__name__)
_BF16 = "BF16"  # as safetensors calls it
_MAX_REASON = 200  # characters of torch's words

CheckRoom = Callable[[int, torch.device], None]  # bytes of weights, where; raises BundleError for too many


def load_tail(
    bundle: Bundle,
    device: str = "auto",
    dtype: str = "auto",
    check_room: CheckRoom | None = None,
    threads: int = 0,
) -> ServedModel:
    """Load a bundle's model for the options `--device`, `--dtype` and `--threads`, and warm it; 0 threads: as
    many as suit it. Raises BundleError, also where torch cannot compute it here or `check_room` refuses it;
    CheckpointError or RequestError.
    """
    checkpoint = Checkpoint(bundle.folder("cloud"))
    width = int(checkpoint.config.get_text_config().hidden_size)
    stored = {tensor.dtype for tensor in checkpoint.tensors.values()}
    placements = choose(device, dtype, width, own_dtype(checkpoint.config, stored))
    if check_room:
        numbers = sum(tensor.numbers for tensor in checkpoint.tensors.values())
        check_room(numbers * placements[0].dtype.itemsize, placements[0].device)
    try:
        tail = first_that_computes(bundle, placements)
        if threads or tail.placement.device.type == "cpu":
            tail.threads = threads or suitable_threads(tail.trial_seconds)
    except (RuntimeError, ValueError) as error:  # torch's, memory that runs out among them
        _log.info("torch failed", exc_info=error)
        why = next(iter(str(error).splitlines()), type(error).__name__)[:_MAX_REASON]
        raise BundleError(
            f"bundle {bundle.path} ({bundle.manifest.model}) fails at its first answer: {why}; verify it, or "
            "give another --device or --dtype",
            bundle=bundle.digest,
        ) from error
    return tail


def first_that_computes(bundle: Bundle, placements: Sequence[Placement]) -> ServedModel:
    """The model in the first of its placements that can hold all its numbers, warmed. Raises as above."""
    name = bundle.manifest.model
    for placement in placements:
        tail = open_tail(bundle, placement)
        if tail.warm() or placement.dtype != torch.float16:  # all others reach as far as FP32
            return tail
        _log.warning("the numbers of %s pass the 65,504 of float16, so it is not taken", name)
        del tail  # before the next is loaded
    raise RequestError(
        f"--dtype is float16, and the numbers of {name} pass its 65,504: every answer would be refused; give "
        "--dtype bfloat16 or float32, or leave it out",
        bundle=bundle.digest,
    )


def open_tail(bundle: Bundle, placement: Placement, *, weights: bool = True) -> ServedModel:
    """Load a bundle's model. Raises BundleError or CheckpointError."""
    kind = DualEncoder if bundle.manifest.HasField("matching") else Tail
    return kind(bundle, placement, weights=weights)


def described_tail(bundle: Bundle, placement: Placement, threads: int) -> ServedModel:
    """What requests are checked and decoded by, without weights, of a model that another process has loaded.
    Raises as above.
    """
    tail = open_tail(bundle, placement, weights=False)
    tail.threads = threads
    return tail


def own_dtype(config: PretrainedConfig, stored: set[str]) -> torch.dtype:
    """The dtype that a checkpoint was made in: what its configuration says, or BF16 where weights are stored
    so, as those of an FP32 checkpoint are where FP16 cannot hold them.
    """
    said = {config.dtype, config.get_text_config().dtype}
    if _BF16 in stored or torch.bfloat16 in said:
        return torch.bfloat16
    return torch.float16 if torch.float16 in said else torch.float32
