"""Tokens back to text as they come."""

from functools import partial

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from protos.text.detokenizer import IncrementalDetokenizer


def of_bytes() -> Tokenizer:
    """A tokenizer with a token for each byte."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE({c: i for i, c in enumerate(alphabet)}, []))
    core.pre_tokenizer, core.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    return core


def test_half_a_character_is_held_back() -> None:
    core = of_bytes()
    detokenizer = IncrementalDetokenizer(partial(core.decode, skip_special_tokens=True))
    pieces = [detokenizer.add(token) for token in core.encode("añ€").ids]
    assert pieces == ["a", "", "ñ", "", "", "€"]
    assert detokenizer.end() == ""


def test_the_text_of_several_tokens_comes_in_one_piece() -> None:
    core = of_bytes()
    detokenizer = IncrementalDetokenizer(partial(core.decode, skip_special_tokens=True))
    for token in core.encode("añ€").ids[:3]:
        detokenizer.append(token)
    assert (detokenizer.piece(), detokenizer.piece(), detokenizer.tokens) == ("añ", "", 3)


def test_what_never_becomes_whole_comes_at_the_end() -> None:
    core = of_bytes()
    detokenizer = IncrementalDetokenizer(partial(core.decode, skip_special_tokens=True))
    cut_off = core.encode("a€").ids[:-1]
    assert [detokenizer.add(token) for token in cut_off] == ["a", "", ""]
    assert detokenizer.end() == "\ufffd"
    assert detokenizer.tokens == len(cut_off)
