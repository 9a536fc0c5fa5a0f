"""Compiled kernels do not fill a service's memory."""

import os

import pytest

from cloud.models.kernel_cache import limit_kernel_cache
from tests.house import ROOT, imported


def test_few_are_kept_unless_the_operator_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"LRU_CACHE_CAPACITY": "7"})
    limit_kernel_cache()
    assert os.environ == {"LRU_CACHE_CAPACITY": "7", "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "128"}


def test_it_is_said_before_torch_is_there() -> None:
    assert set(imported(ROOT / "cloud/models/kernel_cache.py")) == {"os"}
    source = (ROOT / "cloud/commands/serve.py").read_text()
    assert source.index(f"{limit_kernel_cache.__name__}()") < source.index("from cloud.api.process")
