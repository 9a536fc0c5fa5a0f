"""What an export leaves behind."""

import gc

import onnx_ir as ir
import pytest
import torch
from torch import nn

from splitter.graph.export import export

pytestmark = pytest.mark.slow

_WIDTH = 4001  # of no other layer


def test_the_weights_of_an_exported_graph_are_in_memory_no_second_time() -> None:
    graph = export(nn.Linear(37, _WIDTH), (torch.zeros(2, 37),), ["x"], ["y"], {"input": {}})

    assert any(_WIDTH in tensor.dims for tensor in graph.graph.initializer)
    gc.collect()
    values = [
        value
        for value in gc.get_objects()
        if issubclass(type(value), ir.Value) and value.const_value is not None
    ]
    assert not [value for value in values if _WIDTH in value.const_value.shape]
