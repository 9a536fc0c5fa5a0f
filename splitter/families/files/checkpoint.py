"""What a checkpoint folder holds, checked before anything of it is loaded: its configuration, its files,
every tensor's place.
"""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protos.errors import CheckpointError, IsthmusError
from protos.mistaken import not_a_checkpoint

GENERATION = "generation_config.json"
CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
METADATA, ADAPTER = "__metadata__", "adapter_config.json"
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_MAX_HEADER_BYTES = 100 << 20  # safetensors' own bound
_LFS = b"version https://git-lfs"
_NAMED = 5


@dataclass(frozen=True)
class Stored:
    """A tensor in a safetensors file: its type as the format names it, and where its bytes begin and end in
    the file.
    """

    file: Path
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def numbers(self) -> int:
        return math.prod(self.shape)


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of a checkpoint whose weights are plain floating point. Raises CheckpointError."""
    if mistaken := not_a_checkpoint(folder):
        raise CheckpointError(mistaken, path=str(folder))
    if not folder.is_dir():
        raise CheckpointError(
            f"there is no folder {folder}; give a checkpoint's folder, or an id of the Hugging Face hub",
            path=str(folder),
        )
    _check_no_adapter(folder)
    if not (folder / CONFIG).is_file():
        message = (
            f"{folder} holds no {CONFIG}; give a folder in the Hugging Face layout: {CONFIG}, "
            "*.safetensors, tokenizer and processor"
        )
        raise CheckpointError(message, path=str(folder))
    config = _read_json(folder / CONFIG)
    if not isinstance(config.get("model_type"), str):
        raise CheckpointError(
            f"{folder / CONFIG} names no model_type; it is not the configuration of a model", path=str(folder)
        )
    if _anywhere(config, "quantization_config"):
        message = (
            f"{folder} is quantised already ({CONFIG} has a quantization_config); give the "
            "checkpoint that it was made from"
        )
        raise CheckpointError(message, path=str(folder))
    return config


def _anywhere(config: dict[str, Any], name: str) -> bool:
    """Whether a configuration, or one of those in it, says something of this name."""
    inner = (value for value in config.values() if isinstance(value, dict))
    return bool(config.get(name)) or any(_anywhere(value, name) for value in inner)


def _check_no_adapter(folder: Path) -> None:
    if not (folder / ADAPTER).exists():
        return
    base = _read_json(folder / ADAPTER).get("base_model_name_or_path") or "BASE"
    # by the model's own class: another would leave weights out
    merge = (
        "import transformers as t; from peft import PeftModel; "
        f"c = t.AutoConfig.from_pretrained('{base}'); "
        f"m = getattr(t, c.architectures[0]).from_pretrained('{base}', dtype='auto'); "
        f"PeftModel.from_pretrained(m, '{folder}').merge_and_unload().save_pretrained('{folder}-merged')"
    )
    raise CheckpointError(
        f"{folder} holds an adapter ({ADAPTER}), which would not be applied; copy the base's tokenizer and "
        f'processor files into {folder}-merged after merging it: python -c "{merge}"',
        path=str(folder),
    )


def read_tensors(folder: Path) -> dict[str, Stored]:
    """Every tensor of a checkpoint, each file whole as far as sizes tell. Raises CheckpointError."""
    if (folder / WEIGHTS).exists():
        return read_header(folder / WEIGHTS)
    if not (folder / INDEX).exists():
        raise _without_weights(folder)
    places = _read_json(folder / INDEX).get("weight_map")
    if not isinstance(places, dict) or not all(
        isinstance(name, str) and Path(name).name == name for name in places.values()
    ):
        raise CheckpointError(
            f"{folder / INDEX} does not say which file of the folder holds what; download it again",
            path=str(folder),
        )
    shards = sorted(set(places.values()))
    missing = [name for name in shards if not (folder / name).exists()]
    if missing:
        message = (
            f"{folder} lacks {', '.join(missing)}, of {len(shards)} files that {INDEX} names; "
            "download or copy the rest"
        )
        raise CheckpointError(message, missing=missing)
    found = {name: tensor for shard in shards for name, tensor in read_header(folder / shard).items()}
    absent = sorted(places.keys() - found.keys())
    if absent:
        message = (
            f"{folder / INDEX} promises tensors that no file holds: {listed(absent)}; index and "
            "files are not of one checkpoint"
        )
        raise CheckpointError(message, missing=absent)
    return found


def read_header(file: Path) -> dict[str, Stored]:
    """The tensors of one safetensors file, in the order of their bytes. Raises CheckpointError."""
    header, begin = raw_header(file)
    try:
        found = {
            name: Stored(
                file,
                entry["dtype"],
                tuple(entry["shape"]),
                *(begin + offset for offset in entry["data_offsets"]),
            )
            for name, entry in header.items()
            if name != METADATA
        }
        end = max((tensor.end for tensor in found.values()), default=begin)
    except (KeyError, TypeError, AttributeError) as error:
        raise _damaged(file, "its header is not one of the format") from error
    size = file.stat().st_size
    if size != end:
        message = (
            f"{file} has {size:,} bytes, its header says {end:,}: it was cut short or changed; "
            "download or copy it again"
        )
        raise CheckpointError(message, file=file.name, found=size, expected=end)
    return dict(sorted(found.items(), key=lambda item: item[1].begin))


def raw_header(file: Path) -> tuple[dict[str, Any], int]:
    """A safetensors file's header as it stands there, and where the data begins. Raises CheckpointError."""
    with file.open("rb") as stream:
        lead = stream.read(8)
        length = int.from_bytes(lead, "little")
        if _LFS.startswith(lead):
            raise CheckpointError(
                f"{file} is a Git LFS pointer, not the weights; run `git lfs pull` in its folder",
                file=file.name,
            )
        if len(lead) < 8 or not 2 <= length <= min(_MAX_HEADER_BYTES, file.stat().st_size - 8):
            raise _damaged(file, f"{file.stat().st_size:,} bytes do not begin with a header")
        try:
            header = json.loads(stream.read(length))
        except ValueError as error:
            raise _damaged(file, "its header is not JSON") from error
    if not isinstance(header, dict):
        raise _damaged(file, "its header is not one of the format")
    return header, 8 + length


def listed(names: list[str]) -> str:
    """The first few of many names, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _damaged(file: Path, why: str) -> CheckpointError:
    return CheckpointError(
        f"{file} is not a safetensors file ({why}); download or copy it again", file=file.name
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{path} cannot be read ({error}); download or copy it again", path=str(path)
        ) from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} is not a JSON object; download or copy it again", path=str(path))
    return value


@contextmanager
def reading(what: str, remedy: str) -> Iterator[None]:
    """Let whatever a library raises over a checkpoint's files reach the user as a CheckpointError."""
    try:
        yield
    except (IsthmusError, MemoryError):
        raise
    except Exception as error:
        said = str(error).strip().partition("\n")[0] or "no reason given"
        raise CheckpointError(f"{what} cannot be read ({type(error).__name__}: {said}); {remedy}") from error


def _pattern(pickles: list[str]) -> str:
    """What names the weights' files and no other: a trainer's arguments are pickled beside them."""
    weights = [name for name in pickles if name.startswith("pytorch_model")]
    return f"pytorch_model*{Path(weights[0]).suffix}" if weights else pickles[0]


def _without_weights(folder: Path) -> CheckpointError:
    pickles = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
    if not pickles:
        return CheckpointError(
            f"{folder} holds neither {WEIGHTS} nor {INDEX}; copy the weights into it", path=str(folder)
        )
    # by name, not through a model: a model of another class would leave weights out
    convert = (
        f"import pathlib, torch, safetensors.torch as s; d = pathlib.Path('{folder}'); "
        f"s.save_file({{name: weight.clone().contiguous() for file in sorted(d.glob('{_pattern(pickles)}')) "
        "for name, weight in torch.load(file, map_location='cpu', weights_only=True).items()}, "
        f"d / '{WEIGHTS}', {{'format': 'pt'}})"
    )
    message = (
        f"{folder} holds its weights only as a pickle ({listed(pickles)}), which is never read here. Write "
        f'them as safetensors beside it, which runs no code of the pickle: python -c "{convert}"'
    )
    return CheckpointError(message, path=str(folder), pickles=pickles)
