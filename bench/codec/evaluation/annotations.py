"""The JSON files that annotate pictures: questions.json and captions.json."""

import json
from pathlib import Path
from typing import Any

from bench.codec.evaluation.evaluation_set import ALL
from protos.errors import RequestError
from splitter.nano.questions import Question

_MAX_BYTES = 64 << 20
_CAPTIONS = '{"a.jpg": ["a dog runs", ...], ...}'
_QUESTIONS = '[{"picture": "a.jpg", "question": "what runs?", "answer": "a dog", "kind": "object"}, ...]'


def read_questions(path: Path) -> list[tuple[str, Question]]:
    """Questions, each with its picture's name. Raises RequestError for a file that does not hold any."""
    entries = read_json(path)
    if not isinstance(entries, list) or not entries:
        raise RequestError(f"{path} is not a list of questions; write {_QUESTIONS}", path=str(path))
    return [_question(path, entry) for entry in entries]


def read_captions(path: Path) -> dict[str, list[str]]:
    """Captions by picture; those under "evaluate" where a file divides its pictures. Raises RequestError."""
    entries = read_json(path)
    chosen = entries.get("evaluate", entries) if isinstance(entries, dict) else entries
    if not isinstance(chosen, dict) or not chosen or not all(map(_are_captions, chosen.values())):
        raise RequestError(f"{path} does not hold captions by picture; write {_CAPTIONS}", path=str(path))
    return chosen


def read_json(path: Path) -> Any:
    """A file's value. Raises RequestError."""
    try:
        with path.open("rb") as stream:
            return json.loads(stream.read(_MAX_BYTES))
    except OSError as error:
        raise RequestError(
            f"{path} cannot be read ({error.strerror}); check its path and permissions", path=str(path)
        ) from error
    except (ValueError, RecursionError) as error:
        raise RequestError(
            f"{path} is not JSON ({error}); mend it, or write it again", path=str(path)
        ) from error


def _question(path: Path, entry: Any) -> tuple[str, Question]:
    fields = ("picture", "question", "answer", "kind")
    if not isinstance(entry, dict) or not all(
        isinstance(entry.get(name), str) and entry[name] for name in fields
    ):
        raise RequestError(
            f"{path} holds {str(entry)[:80]}, which is no question; write {_QUESTIONS}", path=str(path)
        )
    if entry["kind"] == ALL:
        message = (
            f"{path} has questions of the kind {ALL!r}, which stands for all kinds together; name it "
            "otherwise"
        )
        raise RequestError(message, path=str(path))
    return entry["picture"], Question(entry["kind"], entry["question"], entry["answer"])


def _are_captions(texts: Any) -> bool:
    return (
        isinstance(texts, list)
        and bool(texts)
        and all(isinstance(text, str) and text.strip() for text in texts)
    )
