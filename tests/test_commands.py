"""Every command line that is shown, in --help, README.md and docs/, can be given."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

import isthmus
from protos.terminal.parser import Parser
from tests.house import ROOT

NO_TABLE = {"isthmus cloud serve", "isthmus fleet serve", "isthmus nano train", "isthmus nano train-small"}
ENDS = ("&&", "|", ">", ";")


def parsers(parser: Parser) -> Iterator[Parser]:
    """A parser and those of all its commands, each described."""
    if parser.module:
        parser.describe()
    yield parser
    for action in parser._actions:
        for name, command in (action.choices or {}).items() if isinstance(action.choices, dict) else ():
            assert isinstance(command, Parser), name
            yield from parsers(command)


COMMANDS = {parser.prog: parser for parser in parsers(isthmus._parser())}


def command_lines(text: str) -> Iterator[list[str]]:
    """The words behind `isthmus` of each line that is a command, up to its end."""
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip().startswith("isthmus "):
            words = shlex.split(line, comments=True)
            yield words[1 : next((place for place, word in enumerate(words) if word in ENDS), None)]


def examples() -> list[tuple[str, list[str]]]:
    shown = {prog: parser.epilog or "" for prog, parser in COMMANDS.items() if prog != "isthmus"}
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        shown[page.name] = "\n".join(re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL))
    return [(place, words) for place, text in shown.items() for words in command_lines(text)]


@pytest.mark.parametrize(("place", "words"), examples(), ids=lambda value: str(value)[:60])
def test_every_example_can_be_given(place: str, words: list[str]) -> None:
    options = isthmus._parser().parse_args(words)
    assert callable(options.run), place


def test_every_command_that_does_something_shows_examples() -> None:
    doing = [parser for parser in COMMANDS.values() if parser.get_default("run")]
    assert len(doing) > 15
    shown = {prog for prog, parser in COMMANDS.items() if "isthmus " in (parser.epilog or "")}
    assert not [
        one.prog for one in doing if one.prog not in shown and one.prog.rpartition(" ")[0] not in shown
    ]


@pytest.mark.parametrize("prog", COMMANDS)
def test_help_can_be_read(prog: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        isthmus.main([*prog.split()[1:], "--help"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: {prog}")


def test_every_table_has_json_and_every_bundle_is_an_option() -> None:
    for prog, parser in COMMANDS.items():
        options = parser._option_string_actions
        if parser.get_default("run") and prog not in NO_TABLE:
            assert options["--json"].nargs == 0, prog
        if "--bundle" in options:
            assert "-b" in options, prog
        for action in parser._get_positional_actions():
            assert action.dest != "bundle", prog


def test_what_nobody_foresaw_is_a_line_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path))
    monkeypatch.setattr("edge.commands.ask.read_picture", fail)
    assert isthmus.main(["ask", "a.png", "what?"]) == 70
    told = capsys.readouterr()
    (line,) = told.err.splitlines()
    assert line.startswith("isthmus: this is a bug: ZeroDivisionError: division by zero; please report it")
    assert told.out == ""
