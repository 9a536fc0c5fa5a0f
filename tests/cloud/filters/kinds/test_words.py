"""A list of words, however an answer is cut into pieces."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from cloud.filters.content_filter import AnswerSoFar, AskedContent
from cloud.filters.kinds.words import WordFilter
from protos.errors import RequestError


async def left(words: WordFilter, pieces: Sequence[str]) -> list[str]:
    """What leaves of an answer that comes in pieces, then at its end; `...` where the filter ends it."""
    text, sent, told = "", 0, list[str]()
    for piece in (*pieces, None):
        text += piece or ""
        verdict = await words.after(AnswerSoFar(text, sent, piece is None))
        if verdict.refused:
            return [*told, "..."]
        told.append(text[sent : len(text) - verdict.held])
        sent += len(told[-1])
    return told


@pytest.mark.parametrize(
    ("entry", "pieces", "leaves"),
    [
        ("secret", ["the se", "cret", " is"], ["the ", "", "..."]),
        ("secret", ["the se", "a is wide"], ["the ", "sea is wide", ""]),
        ("secret", ["s", "e", "c", "r", "e", "t"], ["", "", "", "", "", "", "..."]),
        ("secret", ["secr", "etary", " secret."], ["", "secretary", "..."]),
        ("secret", ["topsecret ", "SECRET"], ["topsecret ", "", "..."]),
        ("phone number", ["a phone", " \n num", "ber "], ["a ", "", "..."]),
        ("ärger", ["Ärge", "rlich, ", "ÄRGER!"], ["", "Ärgerlich, ", "..."]),
        ("c++", ["c", "+", "+ it is"], ["", "", "..."]),
        ("c++", ["c", "+", "1 it is"], ["", "", "c+1 it is", ""]),
    ],
)
async def test_no_part_of_a_word_leaves_before_it_is_another(
    entry: str, pieces: Sequence[str], leaves: Sequence[str]
) -> None:
    assert await left(WordFilter([entry], []), pieces) == leaves


async def test_of_what_an_expression_could_match_nothing_leaves() -> None:
    numbers = WordFilter([], [r"\d{3}-\d{4}"])
    assert await left(numbers, ["call 55", "5-12", "34 now"]) == ["", "", "..."]
    assert await left(numbers, ["call 55", "5-12", " now"]) == ["", "", "", "call 555-12 now"]
    long = "a wall " * 20
    assert await left(numbers, [long, "555-1234"]) == [long[:-64], long[-64:-56], "..."]


async def test_a_match_that_could_still_end_otherwise_is_waited_for() -> None:
    edge = WordFilter([], [r"\bass\b"])
    assert "".join(await left(edge, ["ass", "ume it"])) == "assume it"
    assert await left(edge, ["ass", " it"]) == ["", "..."]
    assert await left(WordFilter([], ["a.*z"]), ["a" + "b" * 1000, "z", "."]) == ["a" + "b" * 936, "", "..."]


async def test_a_request_is_refused_for_a_word_in_any_of_its_texts() -> None:
    words = WordFilter(["secret"], [r"\d{3}-\d{4}"])
    assert (await words.before(AskedContent(["what is it?", "Secret"]))).refused
    assert (await words.before(AskedContent(["call 555-1234"]))).refused
    assert (await words.before(AskedContent(["fine " * 10_000 + "secret"]))).refused
    assert not (await words.before(AskedContent(["sec", "ret"]))).refused
    whole = WordFilter([], ["^secret$"])
    assert (await whole.before(AskedContent(["what is it?", "secret"]))).refused
    assert not (await whole.before(AskedContent(["a secret"]))).refused


async def test_a_list_is_a_file_of_lines(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("# ours\n\nsecret\n/\\d{4}/\n")
    words = WordFilter.open(path)
    for text, refused in (("a secret", True), ("1234", True), ("ours", False)):
        assert (await words.before(AskedContent([text]))).refused is refused


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "names no word"),
        (b"# nothing\n", "names no word"),
        (b"\xff\xfe", "not UTF-8"),
        (b"/(?=a)/\n", "look-around"),
        (b"/a*/\n", "matches nothing at all"),
        (b"fine\n" + b"a" * 200, "line 2"),
        (b"a\n" * 3000, "more than 2000"),
        (b"a" * (1 << 21), "1 MiB"),
    ],
)
def test_a_file_that_is_no_list_is_refused_with_the_remedy(content: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes(content)
    with pytest.raises(RequestError, match=told):
        WordFilter.open(path)
