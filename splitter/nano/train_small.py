"""Train the built-in model's small decoder: on the scenes that the whole model was trained on, behind its
frozen vision part, beginning with some of its decoder's layers. A quarter of an hour on two busy cores.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from protos.files import check_writable
from protos.terminal.progress import progress
from splitter.families.loading import load_model
from splitter.nano import WEIGHTS
from splitter.nano import pool as scenes_pool
from splitter.nano.packing import Packer, pixels
from splitter.nano.pool import Example
from splitter.nano.small import INTERMEDIATE, own_weights, with_small_decoder
from splitter.nano.train import Teacher

SCENES, STEPS, BATCH, RATE = 4000, 1000, 32, 2e-3
_FROM = (0, 4)  # the whole decoder's layers that it begins with
_WARM_UP = 60
_SEEN_AT_ONCE = 128  # pictures


def train(output: Path, threads: int = 2) -> None:
    """Train the small decoder and write its weights to a file, FP16. Raises RequestError for a place that
    cannot be written to.
    """
    check_writable(output)
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    whole = load_model(WEIGHTS).float()
    small = with_small_decoder(whole, None)
    _begin(small, whole)
    pool = scenes_pool.draw(SCENES, threads)
    examples = _turned(pool)
    teacher = Teacher(small)
    with progress() as shown:
        shown.step("looking at the scenes", len(examples))
        seen = _seen(teacher, examples, lambda: shown.advance(_SEEN_AT_ONCE))
        shown.step("training the small decoder", STEPS)
        for loss in _steps(teacher, examples, seen):
            shown.advance(1, f"loss {loss:.3f}")
    tensors = {name: parameter.data.half().contiguous() for name, parameter in own_weights(small)}
    output.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, output)


@torch.no_grad()
def _begin(small: PreTrainedModel, whole: PreTrainedModel) -> None:
    """Copy the whole decoder's layers, of each the hidden units that write most."""
    own, teacher = small.model.text_model, whole.model.text_model
    own.norm.load_state_dict(teacher.norm.state_dict())
    for layer, index in zip(own.layers, _FROM, strict=True):
        known = teacher.layers[index].state_dict()
        kept = known["mlp.down_proj.weight"].norm(dim=0).topk(INTERMEDIATE).indices
        known["mlp.down_proj.weight"] = known["mlp.down_proj.weight"][:, kept]
        for name in ("mlp.gate_proj.weight", "mlp.up_proj.weight"):
            known[name] = known[name][kept]
        layer.load_state_dict(known)


def _turned(pool: list[Example]) -> list[Example]:
    turns = np.random.default_rng(0).integers(8, size=len(pool))
    return [example.flipped(int(turn)) for example, turn in zip(pool, turns, strict=True)]


@torch.inference_mode()
def _seen(teacher: Teacher, examples: list[Example], advance: Callable[[], None]) -> Tensor:
    """The image tokens of every scene: the vision part is frozen, so once is enough."""
    tokens = []
    for start in range(0, len(examples), _SEEN_AT_ONCE):
        tokens.append(teacher.see(pixels(examples[start : start + _SEEN_AT_ONCE]))[1])
        advance()
    return torch.cat(tokens)


def _steps(teacher: Teacher, examples: list[Example], seen: Tensor) -> Iterator[float]:
    """Train; the loss of each step, smoothed."""
    parameters = [parameter for _, parameter in own_weights(teacher.model)]
    teacher.requires_grad_(requires_grad=False)
    for parameter in parameters:
        parameter.requires_grad = True
    optimiser = torch.optim.AdamW(parameters, betas=(0.9, 0.98), weight_decay=0.01)
    packer, rng, running = Packer(), np.random.default_rng(1), None
    for step in range(STEPS):
        chosen = rng.choice(len(examples), BATCH, replace=False)
        text = packer.pack([examples[i] for i in chosen], rng)
        for group in optimiser.param_groups:
            group["lr"] = RATE * _schedule(step)
        with torch.autocast("cpu", torch.bfloat16):
            loss = teacher.answer_loss(seen[torch.from_numpy(chosen)].clone(), text)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        optimiser.zero_grad()
        running = loss.item() if running is None else 0.97 * running + 0.03 * loss.item()
        yield running


def _schedule(step: int) -> float:
    """Linear warm-up, then a cosine down to nothing."""
    return float(min(1.0, (step + 1) / _WARM_UP) * 0.5 * (1 + np.cos(np.pi * step / STEPS)))
