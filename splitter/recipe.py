"""All that a split depends on, as one digest: the same recipe need not be cooked twice."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

from protos import codec
from protos.bundle import BUILT_IN, FORMAT, file_digest
from protos.config import cache_folder
from splitter.evaluate.subjects import picture_files
from splitter.local_choice import SMALL_LOCAL, WHOLE_LOCAL, LocalChoice
from splitter.nano import SMALL, WEIGHTS
from splitter.quantize.quant_format import QuantFormat
from splitter.storage.digests import Digests
from splitter.storage.hub import name_of

_PACKAGES = ("torch", "transformers", "onnx", "onnxscript", "onnxruntime")
BEST_CUTS = ("auto",)  # instead of names: those that are the best somewhere, found by trying
_ROOT = Path(__file__).resolve().parents[1]
_ONLY_PRINTING = {"commands", "planning"}


@dataclass(frozen=True)
class Options:
    """What the user of `isthmus split` chose. `cuts` empty: at thirds of the layers. `calibration` None: the
    built-in scenes.

    `with_local`: the device can answer alone, by the `local` model. `agree`: the share of its answers that
    are to agree with the cloud's, for a cascade that promises it. `measure`: what losses are measured in, one
    of splitter/evaluate/measures.py, or by the size of the language model. `quant_format`: the head's, given
    up for FP32 where it is slower and `only_if_faster`. `max_loss`: what it may lose, as
    splitter/quantize/loss.py has it. `codecs`: the kinds that every cut gets, of protos/codec/__init__.py;
    training all that are learned may take `budget_minutes`. `labels` and `template` are for dual encoders:
    the labels that the bundle brings, and what stands around each, `{label}`. `self_test_pictures`: how many
    held-out ones the bundle brings; None: some of the built-in scenes, and none of a user's.
    """

    checkpoint: Path
    cuts: tuple[str, ...] = ()
    calibration: Path | None = None
    with_local: bool = False
    calibration_pictures: int = 512
    report_pictures: int = 60
    threads: int = 1
    measure: str = "auto"
    quant_format: QuantFormat = field(default_factory=QuantFormat)
    only_if_faster: bool = False
    max_loss: float | None = None
    labels: tuple[str, ...] = ()
    template: str = ""
    codecs: tuple[str, ...] = ("fitted", "int8-zstd", "fp16-zstd")
    budget_minutes: float = 10.0
    local: LocalChoice = WHOLE_LOCAL
    agree: float | None = None
    self_test_pictures: int | None = None

    def __post_init__(self) -> None:
        for name in self.codecs or ("",):
            codec.check_kind(name)


def model_name(options: Options) -> str:
    """What the bundle calls the model."""
    return BUILT_IN if options.checkpoint == WEIGHTS else name_of(options.checkpoint)


def versions() -> dict[str, str]:
    """The packages that shape the result."""
    return {name: version(name) for name in _PACKAGES}


def recipe(options: Options, advance: Callable[[int, int], None] = lambda *_: None) -> str:
    """The hex SHA-256 of checkpoint, options, versions, format, and the code that a split runs.

    `advance` is told of megabytes read of the checkpoint, of how many.
    """
    described = asdict(options) | {
        "model": model_name(options),
        "checkpoint": _digests(options.checkpoint, advance),
        "calibration": _listing(options.calibration),
        "local": _local(options.local, advance),
    }
    text = json.dumps(
        {"options": described, "versions": versions(), "format": FORMAT, "code": _code()}, sort_keys=True
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _code() -> str:
    """One digest of our own sources, but for those that only print: a bundle made by other code is not made
    by this recipe.
    """
    sources = [path for package in ("protos", "splitter") for path in sorted((_ROOT / package).rglob("*.py"))]
    shaping = [path for path in sources if not _ONLY_PRINTING & set(path.relative_to(_ROOT).parts)]
    listed = [(path.relative_to(_ROOT).as_posix(), file_digest(path)) for path in shaping]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


def _digests(folder: Path, advance: Callable[[int, int], None]) -> dict[str, str]:
    files = [path for path in sorted(folder.iterdir()) if path.is_file()]
    total, done = sum(path.stat().st_size for path in files), 0

    def read(size: int) -> None:
        nonlocal done
        done += size
        advance(done >> 20, total >> 20)

    digests = Digests(cache_folder() / "digests.json", read)
    return {path.name: digests.of(path) for path in files}


def _local(local: LocalChoice, advance: Callable[[int, int], None]) -> dict[str, object]:
    """By what its files hold, wherever they lie."""
    if local == SMALL_LOCAL:
        return {"kind": local.kind, "weights": file_digest(SMALL)}
    files = _digests(local.checkpoint, advance) if local.checkpoint else None
    return {"kind": local.kind, "layers": local.layers, "checkpoint": files}


def _listing(folder: Path | None) -> list[list[str | int]] | None:
    """The pictures only: a bundle, or its steps, may lie in their folder."""
    if folder is None:
        return None
    return [[str(path.relative_to(folder)), path.stat().st_size] for path in picture_files(folder)]
