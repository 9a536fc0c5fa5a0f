"""A bundle's model loaded for its service, if there is room."""

from dataclasses import dataclass

import torch

from cloud.models.loading import load_tail
from cloud.models.memory import MemoryBudget
from cloud.models.served_models import ServedModel
from protos.bundle import Bundle


@dataclass(frozen=True)
class LoadOptions:
    """As the options of the service have them."""

    device: str = "auto"
    dtype: str = "auto"
    threads: int = 0
    compile: bool = False
    memory_limit: int = 0  # bytes of all models' weights


def load(bundle: Bundle, options: LoadOptions, held: int | None = None) -> ServedModel:
    """Load a model beside others of `held` bytes; None: where nobody asks whether there is room. Raises as
    `load_tail`.
    """
    name, budget = f"{bundle.path.name} ({bundle.manifest.model})", MemoryBudget(options.memory_limit)

    def check_room(weights: int, device: torch.device) -> None:
        if held is not None:
            budget.check(name, weights, device, held)

    model = load_tail(bundle, options.device, options.dtype, check_room, options.threads)
    if options.compile:
        from cloud.models.compiled import compile_step  # dynamo and inductor, which nobody else needs

        compile_step(model)
    return model
