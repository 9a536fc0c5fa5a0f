"""What the bundles that are served are called."""

from types import SimpleNamespace
from typing import Any

import pytest

from cloud.api.http.openai.models import Models
from protos.http.refusals import Refused


def tail(model: str) -> Any:
    return SimpleNamespace(bundle=SimpleNamespace(manifest=SimpleNamespace(model=model)))


def test_of_two_that_are_called_alike_each_is_named_by_its_digest_too() -> None:
    tails = {"a" * 64: tail("llava"), "b" * 64: tail("llava"), "c" * 64: tail("nano")}
    models = Models(tails)
    assert [one["id"] for one in models.listed()["data"]] == [
        "llava@aaaaaaaaaaaa",
        "llava@bbbbbbbbbbbb",
        "nano",
    ]
    assert models.find("llava@bbbbbbbbbbbb") is tails["b" * 64]
    with pytest.raises(Refused, match="there is no model 'llava'"):
        models.find("llava")


def test_a_bundle_that_comes_later_is_there() -> None:
    tails: dict[str, Any] = {}
    models = Models(tails)
    tails["c" * 64] = tail("nano")
    assert models.one("nano")["id"] == "nano"
