"""Which cuts a split publishes, and what crosses each."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from splitter.families import Family, walk
from splitter.graph.chain import Arrays
from splitter.graph.export import graph_name


@dataclass(frozen=True)
class CutPlan:
    """The cuts in order, each with the bare names of the tensors that cross it."""

    tensors: Mapping[str, Sequence[str]]

    @property
    def cuts(self) -> list[str]:
        """The names of the cuts in order."""
        return list(self.tensors)

    @property
    def graph_names(self) -> list[list[str]]:
        """The boundary tensors of each cut, as the graph calls them."""
        return [[graph_name(cut, tensor) for tensor in tensors] for cut, tensors in self.tensors.items()]

    def boundary(self, cut: str, arrays: Arrays) -> dict[str, NDArray[np.float32]]:
        """A cut's boundary out of what a chain gave, by bare tensor name."""
        return {
            tensor: np.asarray(arrays[graph_name(cut, tensor)], np.float32) for tensor in self.tensors[cut]
        }


@torch.no_grad()
def boundary_tensors(family: Family, model: PreTrainedModel, cuts: Collection[str]) -> dict[str, list[str]]:
    """The bare names of the tensors that cross each of these cuts, in the order of the cuts."""
    pixels = torch.zeros(1, *family.pixel_shape(model))
    return {cut: list(boundary) for cut, boundary in walk(family, model, pixels) if cut in cuts}
