"""The parser of every command: options stand anywhere, a mistyped name is answered with the nearest."""

import argparse
import importlib
import re
import shlex
import sys
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, NoReturn

from protos.errors import UnknownName, did_you_mean

USAGE = 2  # exit status where a command line cannot be understood
_NUMBER = re.compile(r"-\d+(\.\d*)?")


class Parser(argparse.ArgumentParser):
    """argparse's, with errors of one line that name the object, why, and the remedy; none abbreviates.

    `module`, where there is one, describes the command by its `add_arguments(parser)`. It is imported when
    the command is used.
    """

    module = ""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)
        self._commands = False

    def add_subparsers(self, **options: Any) -> Any:
        self._commands = True
        return super().add_subparsers(**options)

    def describe(self) -> None:
        """Import what describes this command, once."""
        if self.module:
            module, self.module = self.module, ""
            importlib.import_module(module).add_arguments(self)

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> Any:
        """Parse all words: what is left over is an error here, at the command that it was given to."""
        self.describe()
        words = list(sys.argv[1:] if args is None else args)
        if not self._commands:
            words = self._options_first(words)
        elif words:
            self._is_option(words[0])
        found, unread = super().parse_known_args(words, namespace)
        if surplus := [word for word in unread if word != "--"]:
            self.error(f"unexpected {shlex.join(surplus)}{self._remedy(surplus)}")
        return found, []

    def error(self, message: str) -> NoReturn:
        """End with two lines on standard error: what is wrong, and where help is."""
        self.exit(USAGE, f"isthmus: {message.removeprefix('argument ')}\nfor help: {self.prog} --help\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            what = action.option_strings[-1] if action.option_strings else "command"
            raise argparse.ArgumentError(None, str(UnknownName(what, str(value), list(action.choices))))

    def _options_first(self, words: list[str]) -> list[str]:
        """Options with their values, `--`, and all other words: those may stand between options."""
        options, others, rest = list[str](), list[str](), deque(words)
        while rest:
            word = rest.popleft()
            if word == "--":
                others += rest
                rest.clear()
            elif self._is_option(word):
                options += [word, *(rest.popleft() for _ in range(self._values(word, rest)))]
            else:
                others.append(word)
        self._check_bundle_is_named(others)
        return [*options, "--", *others] if others else options

    def _is_option(self, word: str) -> bool:
        """Whether a word is an option of this command; one that only looks like it is an error."""
        if not word.startswith("-") or word in ("-", "--") or _NUMBER.fullmatch(word):
            return False
        known, name = self._option_string_actions, word.partition("=")[0]
        if name in known or (word[1] != "-" and word[:2] in known):
            return True
        if " " not in word:  # else it is a question in quotes
            self._refuse_option(name)
        return False

    def _refuse_option(self, name: str) -> NoReturn:
        meant = did_you_mean(name, [option for option in self._option_string_actions if len(option) > 2])
        takes_words = bool(self._get_positional_actions())
        behind = "; what begins with a dash and is none goes behind --" if takes_words and not meant else ""
        self.error(f"there is no option {name!r}{meant}{behind}")

    def _values(self, option: str, rest: Iterable[str]) -> int:
        """How many words behind an option are its own: all up to the next option, where it takes several."""
        action = self._option_string_actions.get(option)
        if action and action.nargs == "+":
            return len(list(takewhile(lambda word: word != "--" and not self._is_option(word), rest)))
        if action and action.nargs == "?":  # what is no value of it may be a word of the question
            return int(next(iter(rest), None) in (action.choices or ()))
        return min(1, len(list(rest))) if action and action.nargs is None else 0

    def _check_bundle_is_named(self, words: Sequence[str]) -> None:
        """A bundle's folder among the words is meant for --bundle."""
        room = len(self._get_positional_actions())
        if words and (len(words) > 1 or not room) and self._takes_bundle and _is_bundle(words[0]):
            rest = "".join(f" {shlex.quote(word)}" for word in words[1:])
            self.error(
                f"{words[0]!r} is a bundle, which is given as an option: "
                f"{self.prog} --bundle {shlex.quote(words[0])}{rest}"
            )

    def _remedy(self, surplus: Sequence[str]) -> str:
        if self._takes_bundle:
            return f"; a bundle is given as an option: {self.prog} --bundle {shlex.quote(surplus[0])}"
        return "; leave it out, or put quotes around what belongs together"

    @property
    def _takes_bundle(self) -> bool:
        return "--bundle" in self._option_string_actions


def _is_bundle(word: str) -> bool:
    from protos.bundle import MANIFEST  # takes a moment, for protobuf

    try:
        return (Path(word) / MANIFEST).is_file()
    except (OSError, ValueError):  # a question may be no possible path
        return False
