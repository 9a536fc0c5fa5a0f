"""A prompt that is read in slices is answered as if it were read at once, or its family says that it cannot
be; and a forward that raises leaves what was read as it was.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
import torch

from splitter.evaluate.verify import image_tokens
from tests.splitter.families.made import Made
from tests.splitter.families.test_padded_cache import prompts
from tests.splitter.families.test_prefixes import alike, follow, read

WHOLE = {"paligemma", "paligemma2", "blip", "blip-vqa", "blip2-t5"}  # read both ways, or beside the picture
SLICE = 7  # tokens; ends in a picture, and within a window


@torch.inference_mode()
def test_a_prompt_in_slices_is_answered_as_at_once(made: Made) -> None:
    name, family, asked = made.folder.parent.name, made.family, prompts(made)[3]
    indivisible = family.indivisible_length(made.model, asked)
    assert (indivisible == len(asked)) == (name in WHOLE)
    if name in WHOLE:
        return
    tokens = image_tokens(family, made.model, made.pixels)[:1]
    sliced, whole = (family.rows(made.model, [asked], tokens) for _ in range(2))
    done = max(SLICE, indivisible)
    sliced.read(done)
    while done + SLICE < len(asked):
        sliced.read(SLICE)
        done += SLICE
    alike(sliced.prefill(), whole.prefill())
    follow(sliced, whole, [[5], [8]])
    for batch in (sliced, whole):
        batch.merge(read(family.rows(made.model, [prompts(made)[0]], tokens)))
    follow(sliced, whole, [[5, 6], [8, 9]])
    if length := family.prefix_length(made.model, asked):
        for own, other in zip(sliced.prefix(0, length).states, whole.prefix(0, length).states, strict=True):
            torch.testing.assert_close(own, other, atol=1e-4, rtol=0)


@torch.inference_mode()
def test_a_forward_that_raises_leaves_what_was_read_as_it_was(made: Made) -> None:
    family, asked = made.family, prompts(made)
    tokens = image_tokens(family, made.model, made.pixels)
    broken, whole = (read(family.rows(made.model, asked[:2], tokens)) for _ in range(2))
    for step in ([5, 6], [8, 9], [3, 4]):
        with raising_in_the_last_layer(made, broken), pytest.raises(ZeroDivisionError):
            broken.decode(step)
        follow(broken, whole, [step])


@contextmanager
def raising_in_the_last_layer(made: Made, batch: Any) -> Iterator[None]:
    """All layers but the last have read their tokens by then."""
    *_, last = batch.written.cache.layers

    def update(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    last.update = update
    try:
        yield
    finally:
        del last.update


@torch.inference_mode()
def test_selected_rows_go_on_by_themselves_and_the_others_as_they_were(made: Made) -> None:
    family, asked = made.family, prompts(made)
    tokens = image_tokens(family, made.model, made.pixels)[[0, 1, 0]]
    batch, whole = (read(family.rows(made.model, asked[:3], tokens)) for _ in range(2))
    selected = batch.select([0, 2])
    expected = whole.decode([5, 6, 7])
    alike(selected.decode([5, 7]), expected[[0, 2]])
    alike(batch.decode([5, 6, 7]), expected)


@torch.inference_mode()
def test_a_merge_that_finds_no_memory_leaves_both_as_they_were(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    family, asked = made.family, prompts(made)
    tokens = image_tokens(family, made.model, made.pixels)
    (long, short), (other_long, other_short) = (
        [read(family.rows(made.model, [asked[number]], tokens[:1])) for number in (3, 0)] for _ in range(2)
    )
    for one, other in ((short, long), (long, short)):
        with monkeypatch.context() as patch:
            patch.setattr(torch, "cat", out_of_memory_at(3, torch.cat))
            with pytest.raises(torch.OutOfMemoryError):
                one.merge(other)
        follow(long, other_long, [[5]])
        follow(short, other_short, [[6]])


def out_of_memory_at(number: int, work: Any) -> Any:
    """The same function, whose so manieth call finds no memory."""
    calls = count(1)

    def worked(*arguments: Any, **options: Any) -> Any:
        if next(calls) == number:
            raise torch.OutOfMemoryError
        return work(*arguments, **options)

    return worked
