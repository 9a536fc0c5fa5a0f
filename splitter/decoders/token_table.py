"""The table of token embeddings beside a graph, which a device maps into memory and reads row by row."""

from pathlib import Path

import numpy as np
from torch import Tensor


def save_table(weight: Tensor, place: Path) -> None:
    """Write embeddings (vocabulary, width) as FP16, or as they are where one passes FP16's range."""
    table = weight.detach().numpy()
    fits = np.abs(table).max() <= np.finfo(np.float16).max
    np.save(place, table.astype(np.float16) if fits else table)
