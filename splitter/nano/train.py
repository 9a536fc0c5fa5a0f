"""Train the built-in model from scratch, in about half an hour on two cores.

Three phases, because plain joint training stalls: vision alone with a label for every patch; then the decoder
on frozen features, with first two, then three, then five objects in a scene; then both together. A run that
is stopped goes on where it last saved.
"""

import ctypes
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import Idefics3ForConditionalGeneration

from protos.errors import RequestError
from protos.files import check_writable
from protos.terminal.progress import progress
from splitter.nano import pool as scenes_pool
from splitter.nano.model import IMAGE_TOKENS, PATCH, processor, untrained
from splitter.nano.packing import Labels, Packer, Text, labels_of, pixels
from splitter.nano.pool import Example
from splitter.nano.scenes import BACKGROUNDS, COLOURS, SHAPES, SIZES

SCENES = 40_000
_SAVE_EVERY = 100
_STATE = "state.safetensors"


@dataclass(frozen=True)
class Phase:
    """One stretch of training: what is trained, on how many objects, how long, how fast."""

    name: str
    steps: int
    batch: int
    max_objects: int
    rate: float
    trains_vision: bool
    trains_text: bool


PHASES = (
    Phase("vision", 900, 128, 5, 1.5e-3, trains_vision=True, trains_text=False),
    Phase("two objects", 250, 64, 2, 1.2e-3, trains_vision=False, trains_text=True),
    Phase("three objects", 250, 64, 3, 1.2e-3, trains_vision=False, trains_text=True),
    Phase("five objects", 300, 64, 5, 1.2e-3, trains_vision=False, trains_text=True),
    Phase("together", 1700, 64, 5, 8.0e-4, trains_vision=True, trains_text=True),
)


class Teacher(nn.Module):
    """The model with the heads that only training needs: a label for every patch and every image token."""

    def __init__(self, model: Idefics3ForConditionalGeneration) -> None:
        super().__init__()
        self.model = model
        width = model.config.vision_config.hidden_size
        self.patch_head = nn.Linear(width, len(COLOURS) + 1 + len(SHAPES) + len(SIZES) + len(BACKGROUNDS) + 2)
        self.cell_head = nn.Linear(model.config.text_config.hidden_size, len(COLOURS) * len(SHAPES))

    def see(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Patch features (n, 64, 192) and image tokens (n, 16, 192) of images (n, 3, 128, 128)."""
        vision = self.model.model.vision_model
        hidden = vision.embeddings.patch_embedding(images).flatten(2).transpose(1, 2)
        hidden = hidden + vision.embeddings.position_embedding.weight
        for layer in vision.encoder.layers:
            hidden = layer(hidden, None)
        hidden = vision.post_layernorm(hidden)
        return hidden, self.model.model.connector(hidden)

    def label_loss(self, patches: Tensor, tokens: Tensor, labels: Labels) -> Tensor:
        """How badly the patches name what they show, and the tokens what lies in their cell."""
        sizes = [len(COLOURS) + 1, len(SHAPES), len(SIZES), len(BACKGROUNDS), 2]
        colour, shape, size, ground, centre = self.patch_head(patches).float().split(sizes, -1)
        owned = (labels.shape >= 0).float()[..., None]
        entropy = nn.functional.cross_entropy
        loss = entropy(colour.flatten(0, 1), labels.colour.flatten()) + entropy(
            ground.flatten(0, 1), labels.ground.flatten()
        )
        loss = loss + entropy(shape.flatten(0, 1), labels.shape.flatten(), ignore_index=-1)
        loss = loss + entropy(size.flatten(0, 1), labels.size.flatten(), ignore_index=-1)
        loss = loss + ((centre - labels.centre).square() * owned).mean()
        cells = nn.functional.binary_cross_entropy_with_logits(self.cell_head(tokens).float(), labels.cells)
        return torch.as_tensor(loss + 10 * cells)

    def answer_loss(self, tokens: Tensor, text: Text) -> Tensor:
        """Weighted cross-entropy of the answers' tokens, all questions of a scene packed under one block
        mask.
        """
        decoder = self.model.model.text_model
        embedded = decoder.embed_tokens(text.ids)
        hidden = torch.cat([embedded[:, :2], tokens.to(embedded.dtype), embedded[:, 2 + IMAGE_TOKENS :]], 1)
        rotary = decoder.rotary_emb(hidden, text.positions)
        for layer in decoder.layers:
            hidden = layer(
                hidden, attention_mask=text.mask, position_ids=text.positions, position_embeddings=rotary
            )
        logits = self.model.lm_head(decoder.norm(hidden)).float()
        losses = nn.functional.cross_entropy(logits.flatten(0, 1), text.labels.flatten(), reduction="none")
        return torch.as_tensor((losses * text.weights.flatten()).sum() / text.weights.sum())


class Trainer:
    """Runs the phases one after the other and saves where it stands."""

    def __init__(self, folder: Path, processes: int, compile_model: bool) -> None:
        self._state = folder / _STATE
        folder.mkdir(parents=True, exist_ok=True)
        self._pool = scenes_pool.draw(SCENES, processes)
        self.teacher = Teacher(untrained(0, _sample_patches(self._pool)))
        self._packer = Packer()
        self._compile: Callable[[Callable[..., Tensor]], Callable[..., Tensor]] = (
            torch.compile if compile_model else lambda f: f
        )

    def run(self) -> None:
        """Train through all phases, from the last saved step on if there is one."""
        done, moments = self._restore()
        with progress() as shown:
            for index, phase in enumerate(PHASES):
                first = done[1] if index == done[0] else phase.steps if index < done[0] else 0
                if first < phase.steps:
                    shown.reach(phase.name, first, phase.steps)
                    report = partial(shown.advance, 1)
                    self._run_phase(index, first, moments if index == done[0] else {}, report)

    def _run_phase(
        self, index: int, first: int, moments: dict[str, Tensor], report: Callable[[str], None]
    ) -> None:
        phase = PHASES[index]
        named = [(n, p) for n, p in self.teacher.named_parameters() if _is_trained(n, phase)]
        optimiser = _optimiser(named, moments)
        loss_of = self._compile(self._loss(phase))
        stream = scenes_pool.skip(
            scenes_pool.batches(self._pool, phase.batch, phase.max_objects, index), first
        )
        running: float | None = None
        for step in range(first, phase.steps):
            batch = next(stream)
            text = (
                self._packer.pack(batch, np.random.default_rng([index, step])) if phase.trains_text else None
            )
            for group in optimiser.param_groups:
                group["lr"] = phase.rate * _schedule(step, phase)
            with torch.autocast("cpu", torch.bfloat16):
                loss = loss_of(pixels(batch), labels_of(batch), text)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_([p for _, p in named], 1.0)
            optimiser.step()
            optimiser.zero_grad()
            running = loss.item() if running is None else 0.97 * running + 0.03 * loss.item()
            report(f"loss {running:.3f}")
            if (step + 1) % _SAVE_EVERY == 0 or step + 1 == phase.steps:
                self._save(index, step + 1, named, optimiser)

    def _loss(self, phase: Phase) -> Callable[[Tensor, Labels, Text | None], Tensor]:
        teacher = self.teacher

        def loss(images: Tensor, labels: Labels, text: Text | None) -> Tensor:
            if not phase.trains_vision:
                with torch.no_grad():
                    _, tokens = teacher.see(images)
                return teacher.answer_loss(tokens, text)  # type: ignore[arg-type]
            patches, tokens = teacher.see(images)
            named = teacher.label_loss(patches, tokens, labels)
            return named if text is None else teacher.answer_loss(tokens, text) + 0.1 * named

        return loss

    def _save(
        self, index: int, step: int, named: list[tuple[str, nn.Parameter]], optimiser: torch.optim.Optimizer
    ) -> None:
        tensors = {f"model/{n}": p.data for n, p in self.teacher.named_parameters()}
        for name, parameter in named:
            state = optimiser.state[parameter]
            tensors |= {f"{part}/{name}": state[part] for part in ("step", "exp_avg", "exp_avg_sq")}
        aside = self._state.with_suffix(".aside")
        save_file(
            {k: v.contiguous() for k, v in tensors.items()}, aside, {"position": json.dumps([index, step])}
        )
        aside.replace(self._state)

    def _restore(self) -> tuple[tuple[int, int], dict[str, Tensor]]:
        if not self._state.exists():
            return (0, 0), {}
        with safe_open(self._state, "pt") as stored:
            index, step = json.loads(stored.metadata()["position"])
        tensors = load_file(self._state)
        parameters = dict(self.teacher.named_parameters())
        for name, parameter in parameters.items():
            parameter.data.copy_(tensors[f"model/{name}"])
        return (index, step), {k: v for k, v in tensors.items() if not k.startswith("model/")}


def _is_trained(name: str, phase: Phase) -> bool:
    is_text = "text_model" in name or "lm_head" in name
    return phase.trains_text if is_text else phase.trains_vision


def _optimiser(named: list[tuple[str, nn.Parameter]], moments: dict[str, Tensor]) -> torch.optim.Optimizer:
    decayed = [p for n, p in named if p.dim() > 1 and "embed" not in n]
    plain = [p for n, p in named if not (p.dim() > 1 and "embed" not in n)]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}],
        betas=(0.9, 0.98),
        fused=True,
    )
    for name, parameter in named:
        if f"exp_avg/{name}" in moments:
            optimiser.state[parameter] = {
                part: moments[f"{part}/{name}"] for part in ("step", "exp_avg", "exp_avg_sq")
            }
    return optimiser


def _schedule(step: int, phase: Phase) -> float:
    """Linear warm-up, then a cosine; down to 0 for what is trained last or only once, to a half for the
    curriculum.
    """
    warm = min(1.0, (step + 1) / 60)
    floor = 0.02 if phase.trains_vision else 0.5
    return float(warm * (floor + (1 - floor) * 0.5 * (1 + np.cos(np.pi * step / phase.steps))))


def _sample_patches(pool: list[Example]) -> Tensor:
    images = pixels(pool[:1500])
    unfolded = images.unfold(2, PATCH, PATCH).unfold(3, PATCH, PATCH).permute(0, 2, 3, 1, 4, 5)
    return unfolded.reshape(-1, 3 * PATCH * PATCH)


def check_places(folder: Path, output: Path) -> None:
    """Raises RequestError now, before the hours of training, for places that hold something else."""
    check_writable(output)
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise RequestError(
            f"{output} is there already, and weights are written into a folder of their own; give another "
            "with --output",
            path=str(output),
        )
    state = folder / _STATE
    if state.exists() and not _is_state(state):
        raise RequestError(f"{state} is no state of a training; give another --folder", path=str(state))


def _is_state(path: Path) -> bool:
    try:
        with safe_open(path, "pt") as stored:
            return "position" in (stored.metadata() or {})
    except (OSError, SafetensorError):
        return False


def export(teacher: Teacher, folder: Path) -> None:
    """Write the trained model in the Hugging Face layout, FP16, aside first and then in place: where nothing
    is, or an empty folder.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as free:
        aside = Path(free) / folder.name
        teacher.model.half().save_pretrained(aside)
        processor().save_pretrained(aside)
        aside.rename(folder)


def _keep_freed_memory() -> None:
    """Have glibc keep freed blocks: giving each large tensor back to the kernel takes half of every step in
    page faults.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        trim_threshold, mmap_threshold, most = -1, -3, 2**31 - 1
        libc.mallopt(mmap_threshold, most)
        libc.mallopt(trim_threshold, most)


def train(folder: Path, output: Path, threads: int = 2, compile_model: bool = True) -> None:
    """Train in `folder` (resumable) and write the weights to `output`. Raises RequestError."""
    check_places(folder, output)
    torch.set_num_threads(threads)
    _keep_freed_memory()
    trainer = Trainer(folder, threads, compile_model)
    trainer.run()
    export(trainer.teacher, output)
