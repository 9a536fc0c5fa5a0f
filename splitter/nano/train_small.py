"""Train the built-in model's small decoder: on the scenes that the whole model was trained on, behind its
frozen vision part, beginning with some of its decoder's layers. A quarter of an hour on two busy cores;
what is interrupted goes on where it was saved last.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from protos.errors import RequestError
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
SAVE_EVERY = 50
_MOMENTS = ("step", "exp_avg", "exp_avg_sq")  # what AdamW keeps of a parameter
_FROM = (0, 4)  # the whole decoder's layers that it begins with
_WARM_UP = 60
_SEEN_AT_ONCE = 128  # pictures


def train(output: Path, threads: int = 2) -> None:
    """Train the small decoder and write its weights to a file, FP16; until then FILE.state beside it keeps
    where the training stands. Raises RequestError for a place that cannot be written to, or a state that is
    none.
    """
    check_writable(output)
    state = _State(output.with_name(f"{output.name}.state"))
    state.check()
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
        shown.reach("training the small decoder", state.step, STEPS)
        for loss in _steps(teacher, examples, seen, state):
            shown.advance(1, f"loss {loss:.3f}")
    tensors = {name: parameter.data.half().contiguous() for name, parameter in own_weights(small)}
    output.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, output)
    state.remove()


class _State:
    """Where a training stands, in a file that is replaced whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def check(self) -> None:
        """Raises RequestError for a file that is no state of a training."""
        try:
            _ = self.step
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise RequestError(
                f"{self._path} is no state of a training ({error}); remove it, or give another --output",
                path=str(self._path),
            ) from error

    @property
    def step(self) -> int:
        """How many steps are done."""
        return int(self._position()["step"]) if self._path.exists() else 0

    def restore(
        self,
        named: Mapping[str, nn.Parameter],
        optimiser: torch.optim.Optimizer,
        rng: np.random.Generator,
    ) -> None:
        """Put everything as it was when it was saved."""
        if not self._path.exists():
            return
        stored = load_file(self._path)
        for name, parameter in named.items():
            parameter.data.copy_(stored[f"model/{name}"])
            optimiser.state[parameter] = {part: stored[f"{part}/{name}"] for part in _MOMENTS}
        rng.bit_generator.state = self._position()["rng"]

    def save(
        self,
        step: int,
        named: Mapping[str, nn.Parameter],
        optimiser: torch.optim.Optimizer,
        rng: np.random.Generator,
    ) -> None:
        tensors = {f"model/{name}": parameter.data for name, parameter in named.items()}
        for name, parameter in named.items():
            tensors |= {f"{part}/{name}": optimiser.state[parameter][part] for part in _MOMENTS}
        position = json.dumps({"step": step, "rng": rng.bit_generator.state})
        aside = self._path.with_name(f"{self._path.name}.aside")
        save_file(tensors, aside, {"position": position})
        aside.replace(self._path)

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)

    def _position(self) -> dict[str, Any]:
        with safe_open(self._path, "pt") as stored:
            found: dict[str, Any] = json.loads(stored.metadata()["position"])
            return found


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


def _steps(teacher: Teacher, examples: list[Example], seen: Tensor, state: _State) -> Iterator[float]:
    """Train on from a state; the loss of each step, smoothed."""
    named = dict(own_weights(teacher.model))
    parameters = list(named.values())
    teacher.requires_grad_(requires_grad=False)
    for parameter in parameters:
        parameter.requires_grad = True
    optimiser = torch.optim.AdamW(parameters, betas=(0.9, 0.98), weight_decay=0.01)
    packer, rng, running = Packer(), np.random.default_rng(1), None
    state.restore(named, optimiser, rng)
    for step in range(state.step, STEPS):
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
        if (step + 1) % SAVE_EVERY == 0:
            state.save(step + 1, named, optimiser, rng)
        yield running


def _schedule(step: int) -> float:
    """Linear warm-up, then a cosine down to nothing."""
    return float(min(1.0, (step + 1) / _WARM_UP) * 0.5 * (1 + np.cos(np.pi * step / STEPS)))
