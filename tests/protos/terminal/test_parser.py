from pathlib import Path
from typing import Any

import pytest

from protos.terminal.arguments import milliseconds
from protos.terminal.options import add_bundle
from protos.terminal.parser import Parser


def described(bundle: bool = True) -> Parser:
    parser = Parser(prog="isthmus ask")
    parser.add_argument("image")
    parser.add_argument("question", nargs="*", default=[])
    parser.add_argument("--deadline", type=milliseconds())
    parser.add_argument("--dtype", choices=("auto", "float16", "int8"))
    parser.add_argument("--json", action="store_true")
    if bundle:
        add_bundle(parser)
    return parser


def refused(parser: Parser, *words: str, capsys: Any) -> str:
    with pytest.raises(SystemExit) as caught:
        parser.parse_args(words)
    assert caught.value.code == 2
    told, help_line = capsys.readouterr().err.splitlines()
    assert told.startswith("isthmus: ")
    assert help_line.startswith("for help: isthmus")
    return str(told.removeprefix("isthmus: "))


@pytest.mark.parametrize(
    "words",
    [
        "a.png what is it? --deadline 300ms --json",
        "--json a.png what --deadline 300ms is it?",
        "a.png --deadline=300ms what is it? --json",
        "--deadline 300ms --json -- a.png what is it?",
    ],
)
def test_options_stand_anywhere(words: str) -> None:
    found = described().parse_args(words.split())
    assert (found.image, found.question) == ("a.png", ["what", "is", "it?"])
    assert (found.deadline, found.json) == (300, True)


@pytest.mark.parametrize(
    "words", ["--rate 1 2 --json a.png", "a.png --json --rate 1 2", "--rate 1 2 -- a.png"]
)
def test_an_option_of_several_values_takes_all_up_to_the_next_option(words: str) -> None:
    parser = described()
    parser.add_argument("--rate", type=float, nargs="+")
    found = parser.parse_args(words.split())
    assert (found.rate, found.image, found.json) == ([1.0, 2.0], "a.png", "--json" in words)


def test_what_begins_with_a_dash_goes_behind_a_double_dash() -> None:
    found = described().parse_args(["a.png", "--json", "--", "--why", "-x"])
    assert (found.question, found.json) == (["--why", "-x"], True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("a.png --dedline 300ms", "there is no option '--dedline' (did you mean --deadline?)"),
        ("a.png --dead 300ms", "there is no option '--dead' (did you mean --deadline?)"),
        ("a.png --zz", "there is no option '--zz'; what begins with a dash and is none goes behind --"),
        ("--jsn", "there is no option '--jsn' (did you mean --json?)"),
        (
            "a.png --dtype flot16",
            "there is no --dtype 'flot16' (did you mean float16?); choose one of: auto, float16, int8",
        ),
        (
            "a.png --deadline 300",
            "--deadline: '300' is not a time: it has no unit; write 300ms or 300s",
        ),
        ("a.png --deadline 2h", "--deadline: '2h' is not between 1ms and 1h"),
        ("a.png --deadline", "--deadline: expected one argument"),
        ("", "the following arguments are required: image"),
    ],
)
def test_what_is_mistyped_is_answered_with_a_remedy(words: str, told: str, capsys: Any) -> None:
    assert refused(described(), *words.split(), capsys=capsys) == told


def test_a_command_that_does_not_exist_is_answered_with_the_nearest(capsys: Any) -> None:
    parser = Parser(prog="isthmus")
    parser.add_argument("--version", action="store_true")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in ("ask", "bench", "bundle"):
        commands.add_parser(name)
    told = "there is no command 'bundel' (did you mean bundle?); choose one of: ask, bench, bundle"
    assert refused(parser, "bundel", capsys=capsys) == told
    told = "there is no option '--verson' (did you mean --version?)"
    assert refused(parser, "--verson", "ask", capsys=capsys) == told


def test_a_bundle_among_the_words_is_answered_with_the_right_command_line(
    tmp_path: Path, capsys: Any
) -> None:
    (tmp_path / "manifest.json").touch()
    told = refused(described(), str(tmp_path), "a.png", "what is it?", capsys=capsys)
    assert told.endswith(f"isthmus ask --bundle {tmp_path} a.png 'what is it?'")
    assert described().parse_args(["a.png", str(tmp_path)]).question == [str(tmp_path)]
    plain = Parser(prog="isthmus plan")
    add_bundle(plain)
    assert refused(plain, str(tmp_path), capsys=capsys).endswith(f"isthmus plan --bundle {tmp_path}")
    told = "unexpected bundel; a bundle is given as an option: isthmus plan --bundle bundel"
    assert refused(plain, "bundel", capsys=capsys) == told


def test_words_that_are_too_many_are_named(capsys: Any) -> None:
    parser = Parser(prog="isthmus split")
    parser.add_argument("checkpoint")
    told = "unexpected 'b c' d; leave it out, or put quotes around what belongs together"
    assert refused(parser, "a", "b c", "d", capsys=capsys) == told


@pytest.mark.parametrize(
    ("words", "explain", "question"),
    [
        ("a.png what is it? --explain", "few", ["what", "is", "it?"]),
        ("a.png --explain what is it?", "few", ["what", "is", "it?"]),
        ("a.png what --explain all is it?", "all", ["what", "is", "it?"]),
        ("a.png --explain=all what?", "all", ["what?"]),
        ("a.png --explain --json what?", "few", ["what?"]),
        ("a.png what?", None, ["what?"]),
    ],
)
def test_an_option_that_may_have_a_value_takes_only_one_that_it_knows(
    words: str, explain: str | None, question: list[str]
) -> None:
    parser = described()
    parser.add_argument("--explain", nargs="?", choices=("few", "all"), const="few")
    options = parser.parse_args(words.split())
    assert (options.explain, options.question) == (explain, question)
