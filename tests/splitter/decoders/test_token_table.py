from pathlib import Path

import numpy as np
import pytest
import torch

from splitter.decoders.token_table import save_table


@pytest.mark.parametrize(("largest", "dtype"), [(65_504.0, np.float16), (70_000.0, np.float32)])
def test_a_table_is_in_two_bytes_where_fp16_can_hold_it(
    largest: float, dtype: type[np.floating], tmp_path: Path
) -> None:
    save_table(torch.tensor([[1.5, -largest]]), tmp_path / "table.npy")

    table = np.load(tmp_path / "table.npy")

    assert table.dtype == dtype
    assert table.tolist() == [[1.5, -largest]]
