"""A list of words: an example of a filter, not moderation. Who wants to get around a list of words does.

A line of the file is a word, or several that follow each other, in any case of letters; `/EXPRESSION/` is an
expression of RE2, whose time is linear whatever it is; `#` begins a comment.
"""

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import re2

from cloud.filters.content_filter import (
    PASSED,
    REFUSED,
    AnswerSoFar,
    AskedContent,
    ContentFilter,
    FilterVerdict,
)
from protos.errors import RequestError

_MAX_BYTES, _MAX_ENTRIES, _MAX_WORD = 1 << 20, 2_000, 128
_MAX_MEMORY = 128 << 20  # bytes that RE2 may take for all words, or for one expression
_HELD = 64  # characters at the end of an answer in which what an expression matches may still begin
_LOOK_BACK = 4096  # characters before those that an expression is held against
_LONG = 1 << 14  # characters, from which on a search is not for the event loop
_EDGE = r"[^\pL\pN_]"  # what a word ends at: RE2's \b knows ASCII alone
_OUTSIDE = "\n"  # stands before the first character of a text, and behind its last


class WordFilter(ContentFilter):
    """No word of the list leaves, whole or in part; of what an expression matches the last 64 characters do
    not, and the answer ends.
    """

    def __init__(self, words: Sequence[str], expressions: Sequence[str]) -> None:
        """Raises RequestError for an expression that is none."""
        entries = [_atoms(word) for word in words]
        self._words = _any_of(map("".join, entries), _EDGE)
        self._begun = _any_of(map(_beginnings, entries), r"\z")
        self._expressions = [_compiled(expression) for expression in expressions]
        for text, expression in zip(expressions, self._expressions, strict=True):
            if expression.search(""):
                raise RequestError(f"--filter: /{text}/ matches nothing at all, so anything; write another")

    @classmethod
    def open(cls, path: Path) -> Self:
        lines = _lines(path)
        expressions = [line[1:-1] for line in lines if _is_expression(line)]
        return cls([line for line in lines if not _is_expression(line)], expressions)

    async def before(self, asked: AskedContent) -> FilterVerdict:
        long = sum(map(len, asked.texts)) > _LONG
        found = await asyncio.to_thread(self._finds, asked.texts) if long else self._finds(asked.texts)
        return REFUSED if found else PASSED

    async def after(self, answer: AnswerSoFar) -> FilterVerdict:
        return max(self._after_words(answer), self._after_expressions(answer))

    def _finds(self, texts: Sequence[str]) -> bool:
        joined = "\0".join(texts)
        if self._words and self._words.search(f"{_OUTSIDE}{joined}{_OUTSIDE}"):
            return True
        return any(expression.search(text) for text in texts for expression in self._expressions)

    def _after_words(self, answer: AnswerSoFar) -> FilterVerdict:
        """What has left ends with no beginning of a word, so that none but what follows it is looked at."""
        if not (self._words and self._begun):
            return PASSED
        text = f"{_OUTSIDE}{answer.text}"[answer.sent :]
        if self._words.search(text + _OUTSIDE if answer.ended else text):
            return REFUSED
        begun = None if answer.ended else self._begun.search(text)
        return FilterVerdict(held=len(text) - begun.start(1)) if begun else PASSED

    def _after_expressions(self, answer: AnswerSoFar) -> FilterVerdict:
        """A match up to the end of what there is may be none with what follows, unless it is long."""
        if not self._expressions:
            return PASSED
        text, held = answer.text[max(0, answer.sent - _LOOK_BACK) :], _HELD
        for expression in self._expressions:
            if match := expression.search(text):
                length = len(text) - match.start()
                if answer.ended or match.end() < len(text) or length > _LOOK_BACK:
                    return REFUSED
                held = max(held, length)
        return FilterVerdict(held=0 if answer.ended else held)


def _lines(path: Path) -> list[str]:
    """Raises RequestError for a file that is no list."""
    try:
        with path.open("rb") as stream:
            content = stream.read(_MAX_BYTES + 1)
        text = content.decode()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise RequestError(f"--filter: {path} cannot be read ({why}); give another file") from error
    lines = {number: line.strip() for number, line in enumerate(text.splitlines(), 1)}
    found = {number: line for number, line in lines.items() if line and not line.startswith("#")}
    if len(content) > _MAX_BYTES or len(found) > _MAX_ENTRIES:
        raise RequestError(
            f"--filter: {path} has more than {_MAX_ENTRIES} entries, or 1 MiB; give a shorter one"
        )
    if not found:
        raise RequestError(f"--filter: {path} names no word; write one a line, or leave the filter out")
    for number, line in found.items():
        if len(line) > _MAX_WORD and not _is_expression(line):
            raise RequestError(
                f"--filter: line {number} of {path} has more than {_MAX_WORD} characters; give fewer words"
            )
    return list(found.values())


def _is_expression(line: str) -> bool:
    return len(line) > 2 and line.startswith("/") and line.endswith("/")


def _atoms(word: str) -> list[str]:
    """What the characters of an entry match: of a gap any gap."""
    return [r"\s+" if one == " " else re2.escape(one) for one in " ".join(word.split())]


def _beginnings(atoms: Sequence[str]) -> str:
    """What every beginning of an entry matches."""
    return "(?:".join(atoms) + ")?" * (len(atoms) - 1)


def _any_of(patterns: Iterable[str], end: str) -> Any:
    """Behind an edge, and before `end`; None where there are none."""
    joined = "|".join(patterns)
    return _compiled(f"{_EDGE}({joined}){end}") if joined else None


def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.case_sensitive, options.log_errors, options.max_mem = False, False, _MAX_MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error.args[0]
        raise RequestError(
            f"--filter: a line is no RE2 expression: {reason}; look-around and back-references are none of it"
        ) from error
