"""Messages between two processes, and what is made of those that are none."""

import numpy as np
import pytest
import torch

from cloud.runner.process.wire import MODEL, PREFIX, Reference, WireError, pack, sizes, unpack
from cloud.runner.sampling import Sampler

REFERENCE = Reference(MODEL, [7])


class Held:
    """Something that stays where it is."""


def sent(value: object) -> tuple[bytes, bytearray]:
    """The head and the arrays of a message."""
    prefix, head, *arrays = pack(value, lambda thing: REFERENCE if isinstance(thing, Held) else None)
    body = bytearray(b"".join(arrays))
    assert sizes(bytes(prefix)) == (len(head), len(body))
    return bytes(head), body


def test_a_message_holds_numbers_words_arrays_samplers_and_references() -> None:
    ints, floats = np.arange(5), torch.rand(2, 3).T
    found = unpack(
        *sent([1, "a", {"x": floats}, [ints], Sampler(0.5, 0.9, 3), Held()]), lambda reference: reference
    )
    number, word, boundary, (array,), sampler, held = found
    assert (number, word, held) == (1, "a", REFERENCE)
    assert np.array_equal(array, ints)
    assert np.array_equal(boundary["x"], floats.numpy())
    assert (sampler.temperature, sampler.top_p, sampler.seed) == (0.5, 0.9, 3)


def test_nothing_else_crosses() -> None:
    with pytest.raises(TypeError, match="object cannot be sent to another process"):
        sent([object()])


def test_a_message_that_claims_more_than_is_read_is_none() -> None:
    with pytest.raises(WireError, match="claims"):
        sizes(PREFIX.pack(1 << 31, 0))
    with pytest.raises(WireError, match="claims"):
        sizes(PREFIX.pack(0, 1 << 60))


@pytest.mark.parametrize("cut", [1, 64])
def test_an_array_that_is_not_within_its_message_is_none(cut: int) -> None:
    head, arrays = sent([np.zeros(16, np.float32)])
    with pytest.raises(WireError, match="is not within"):
        unpack(head, arrays[:-cut], lambda reference: reference)


def test_what_is_no_message_is_told_as_such() -> None:
    with pytest.raises(WireError, match="cannot be read"):
        unpack(b"\xc1", bytearray(), lambda reference: reference)
