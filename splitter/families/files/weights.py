"""A checkpoint's tensors against the model that its configuration describes, by name, shape and type, before
anything is loaded: a folder of another layout would become a model of random numbers, as large as it likes.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel
from transformers.conversion_mapping import get_model_conversion_mapping
from transformers.core_model_loading import WeightConverter, WeightRenaming, rename_source_key

from protos.errors import CheckpointError
from splitter.families.files.checkpoint import CONFIG, Stored, listed

_FLOATS = {"F64", "F32", "F16", "BF16"}


class WeightNames:
    """Where the tensors of a checkpoint go in a model; those of earlier versions of transformers have other
    names.
    """

    def __init__(self, empty: PreTrainedModel) -> None:
        """`empty`: the model on the meta device."""
        steps = list(get_model_conversion_mapping(empty))
        self._renamings = [step for step in steps if isinstance(step, WeightRenaming)]
        self._converters = [step for step in steps if isinstance(step, WeightConverter)]
        self._empty, self.places = empty, dict(empty.state_dict())

    def place(self, name: str) -> tuple[str, bool]:
        """A tensor's name in the model, and whether it is joined or divided on the way there."""
        renamed, converter = rename_source_key(
            name, self._renamings, self._converters, self._empty.base_model_prefix, self.places
        )
        return str(renamed), converter is not None

    def check(self, folder: Path, tensors: Mapping[str, Stored]) -> None:
        """Raises CheckpointError where the model would not be whole, or is stored in whole numbers."""
        placed = {name: self.place(name) for name in tensors}
        _check_types(
            folder, [name for name, (place, _) in placed.items() if self._quantised(place, tensors[name])]
        )
        _check_shapes(
            folder,
            [
                f"{place} is {tensors[name].shape}, not {tuple(self.places[place].shape)}"
                for name, (place, converted) in placed.items()
                if not converted and place in self.places and tensors[name].shape != self.places[place].shape
            ],
        )
        if not any(converted for _, converted in placed.values()):
            _check_whole(
                folder, self._missing({place for place, _ in placed.values()}), self._unknown(placed)
            )

    def _quantised(self, place: str, stored: Stored) -> bool:
        wanted = self.places.get(place)
        return wanted is not None and wanted.is_floating_point() and stored.dtype not in _FLOATS

    def _missing(self, found: set[str]) -> list[str]:
        tied: Mapping[str, str] = self._empty.all_tied_weights_keys
        alike = tied.keys() | set(tied.values())
        ignored = [re.compile(pattern) for pattern in self._empty._keys_to_ignore_on_load_missing or ()]  # noqa: SLF001
        return sorted(
            name
            for name in self.places.keys() - found - alike
            if not any(pattern.search(name) for pattern in ignored)
        )

    def _unknown(self, placed: Mapping[str, tuple[str, bool]]) -> list[str]:
        return sorted(name for name, (place, _) in placed.items() if place not in self.places)


def _check_types(folder: Path, wrong: list[str]) -> None:
    if wrong:
        raise CheckpointError(
            f"{folder} is quantised already ({listed(sorted(wrong))} are whole numbers); give the checkpoint "
            "that it was made from",
            quantised=wrong,
        )


def _check_shapes(folder: Path, wrong: list[str]) -> None:
    if wrong:
        message = (
            f"{folder} holds weights of other shapes than {CONFIG} describes: {listed(sorted(wrong))}; mend "
            f"{CONFIG}"
        )
        raise CheckpointError(message, mismatched=sorted(wrong))


def _check_whole(folder: Path, missing: list[str], unknown: list[str]) -> None:
    if not missing:
        return
    remedy = "give the whole checkpoint"
    if unknown:
        remedy = (
            f"its own names, like {unknown[0]}, are not those of transformers: give the checkpoint that was "
            "converted for transformers (often published as NAME-hf)"
        )
    message = f"{folder} lacks weights of the model that {CONFIG} describes: {listed(missing)}; {remedy}"
    raise CheckpointError(message, missing=missing, unknown=unknown)


def check_loaded(folder: Path, info: Mapping[str, Any]) -> None:
    """Nothing may be left as transformers initialised it: that would be random. Raises CheckpointError."""
    _check_whole(folder, sorted(info["missing_keys"]), [])
    _check_shapes(
        folder,
        [f"{name} is {tuple(found)}, not {tuple(wanted)}" for name, found, wanted in info["mismatched_keys"]],
    )
