"""What the bundles that are served are called."""

import pytest

from cloud.api.http.openai.models import Models
from cloud.models.served_models import ServedModels
from cloud.models.tail import Tail
from protos.http.refusals import Refused


def test_of_two_that_are_called_alike_each_is_named_by_its_digest_too(
    tail: Tail, candidate: Tail, endless: Tail
) -> None:
    models = Models(ServedModels({one.digest: one for one in (tail, candidate, endless)}))
    names = [f"nano@{tail.digest[:12]}", f"nano@{candidate.digest[:12]}", "endless"]
    assert [one["id"] for one in models.listed()["data"]] == names
    assert [models.find(name) for name in names] == [tail, candidate, endless]
    with pytest.raises(Refused, match="there is no model 'llava'"):
        models.find("llava")


def test_a_version_that_comes_later_does_not_change_what_a_name_means(tail: Tail, candidate: Tail) -> None:
    served = ServedModels({tail.digest: tail})
    models = Models(served)
    served.add(candidate)
    assert models.find("nano") is tail
    served.withdraw(tail.digest)
    assert models.find("nano") is candidate
