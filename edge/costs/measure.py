"""Run every part of an answer on this device, some times over, and keep the medians."""

import os
import platform
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from edge.models.head import Head, HeadOutput
from edge.models.local_model import LocalModel, available
from edge.models.providers import AUTO, CPU
from edge.models.small_vision import SmallVision
from edge.models.text_tower import TextTower, has_tower
from edge.pictures.preprocess import Pixels, Preprocessor
from edge.pictures.resampling import Picture
from edge.upload.feature_encoders import FeatureEncoders
from edge.upload.picture_encoder import encode_picture, encodes
from protos.arrays import Floats
from protos.bundle import Bundle
from protos.codec.rans_loops import compile_loops
from protos.costs.profile import DeviceProfile
from protos.measurements import coding_of
from protos.pictures.tiles import Grid
from protos.pictures.upload_formats import Coding

Progress = Callable[[float], None]  # told the part of the work that is done, 0 to 1
_Times = defaultdict[str, list[float]]

_MIN_ROUNDS = 3
_PREPROCESS, _PIXELS, _PREFILL, _TOKEN = "preprocess", "pixels", "prefill", "token"


def measure(
    bundle: Bundle,
    threads: int = 1,
    seconds: float = 5.0,
    progress: Progress | None = None,
    provider: str = "",
) -> DeviceProfile:
    """Measure for about `seconds`, at least three rounds. Raises BundleDamaged for a bundle that cannot be
    run.
    """
    compile_loops()  # as in a process that lasts
    rounds = _Rounds(bundle, threads, provider)
    rounds.run()  # the first round loads, allocates and warms up
    rounds.times.clear()
    started = time.perf_counter()
    done = 0
    while done < _MIN_ROUNDS or time.perf_counter() - started < seconds:
        rounds.run()
        done += 1
        if progress:
            progress(min(done / _MIN_ROUNDS, (time.perf_counter() - started) / max(seconds, 1e-9), 1.0))
    return rounds.profile()


class _Rounds:
    """Rounds over every part: `times` collects milliseconds by the part's name."""

    def __init__(self, bundle: Bundle, threads: int, provider: str) -> None:
        self._bundle, self._threads, self._provider = bundle, threads, provider
        self._preprocessor = Preprocessor(bundle.manifest.preprocessing)
        self._head = Head(bundle, threads, provider)
        self._tower = TextTower(bundle, threads, provider) if has_tower(bundle) else None
        self._local = (
            LocalModel(bundle, threads, provider)
            if available(bundle) and not bundle.manifest.HasField("matching")
            else None
        )
        own = bundle.manifest.local.HasField("own")
        self._small_vision = SmallVision(bundle.device_model, threads, provider) if own else None
        self._encoders = FeatureEncoders(bundle, threads)
        self._picture = _picture()
        self.times: _Times = defaultdict(list)

    def run(self) -> None:
        """Every part once."""
        pixels = self._prepare()
        reached = None
        for cut in self._bundle.manifest.cuts:
            reached = self._reach(pixels[:1], cut.name, reached)
        if self._tower:
            self._read(self._tower)
        if self._local and self._small_vision:
            self._answer_small(self._local, self._small_vision)
        elif self._local and reached:
            self._answer(self._local, reached)

    def profile(self) -> DeviceProfile:
        """The medians of what was run."""
        manifest = self._bundle.manifest
        medians = {part: median(times) for part, times in self.times.items()}
        return DeviceProfile(
            pieces={piece.cut: medians[piece.cut] for piece in manifest.pieces},
            encode_ms={part: ms for part, ms in medians.items() if part in _codings(self._bundle)},
            prefill_ms=medians.get(_PREFILL, 0.0),
            token_ms=medians.get(_TOKEN, 0.0),
            preprocess_ms=medians[_PREPROCESS],
            machine=f"{machine()}, {self._provider}" if self._provider not in {"", AUTO, CPU} else machine(),
            threads=self._threads,
            digest=self._bundle.digest,
            pixels_ms=medians[_PIXELS],
            own_vision=self._small_vision is not None,
        )

    def _prepare(self) -> Pixels:
        started = time.perf_counter()
        resized = self._preprocessor.resize(self._picture)
        begun = time.perf_counter()
        pixels = self._preprocessor.pixels(resized)
        self._note(_PREPROCESS, started)
        self.times[_PIXELS].append((time.perf_counter() - begun) * 1e3 / len(pixels))
        for coding in _uploads(self._bundle):
            started = time.perf_counter()
            encode_picture(resized, coding)
            self._note(str(coding), started)
        return pixels

    def _reach(self, pixels: Pixels, cut: str, before: HeadOutput | None) -> HeadOutput:
        reached = self._head.run(pixels, cut, before)
        for name, milliseconds in reached.milliseconds.items():
            self.times[name].append(milliseconds)
        for spec in self._bundle.cut(cut).codecs:
            started = time.perf_counter()
            self._encoders.encode(cut, spec.name, reached.boundary)
            self._note(f"{cut}/{spec.name}", started)
        return reached

    def _read(self, tower: TextTower) -> None:
        started = time.perf_counter()
        tower.embed(["a photo of a cat"])
        self._note(_TOKEN, started)

    def _answer(self, local: LocalModel, reached: HeadOutput) -> None:
        grid = self._preprocessor.grid(self._preprocessor.resize(self._picture))
        (image_tokens,) = (np.tile(tensor[0], (grid.tiles, 1)) for tensor in reached.boundary.values())
        self._write(local, image_tokens, grid, time.perf_counter())

    def _answer_small(self, local: LocalModel, vision: SmallVision) -> None:
        started = time.perf_counter()
        image_tokens, grid = vision.see(self._picture)
        self._write(local, image_tokens, grid, started)

    def _write(self, local: LocalModel, image_tokens: Floats, grid: Grid, started: float) -> None:
        embeds = local.embed(local.prompts.build("what is in the picture?", grid), image_tokens)
        logits, past = local.step(embeds)
        self._note(_PREFILL, started)
        started = time.perf_counter()
        local.step(local.embed([int(logits.argmax())]), past)
        self._note(_TOKEN, started)

    def _note(self, part: str, started: float) -> None:
        self.times[part].append((time.perf_counter() - started) * 1e3)


def machine() -> str:
    """The machine in words: its model or processor, and how many cores."""
    board = Path("/proc/device-tree/model")  # a Jetson or a Raspberry Pi names itself here
    name = board.read_text(encoding="utf-8").strip("\0\n") if board.exists() else _processor()
    return f"{name}, {os.cpu_count()} cores"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _codings(bundle: Bundle) -> set[str]:
    features = {f"{cut.name}/{spec.name}" for cut in bundle.manifest.cuts for spec in cut.codecs}
    return features | set(map(str, _uploads(bundle)))


def _uploads(bundle: Bundle) -> list[Coding]:
    """Those that this device can encode."""
    return [coding for coding in map(coding_of, bundle.measurements.uploads) if encodes(coding.format)]


def _picture() -> Picture:
    """Something like a photo, 1280 x 960: smooth, so that coders find in it what they find in photos."""
    coarse = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (1280, 960), interpolation=cv2.INTER_CUBIC), np.uint8)
