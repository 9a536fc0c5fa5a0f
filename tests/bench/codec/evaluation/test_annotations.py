from pathlib import Path

import pytest

from bench.codec.evaluation.picture_folder import folder
from protos.errors import RequestError


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("questions.json", "{", "is not JSON"),
        ("questions.json", "[" * 100_000, "is not JSON"),
        ("questions.json", "{}", "not a list of questions"),
        ("questions.json", '[{"picture": "0.png"}]', "is no question"),
        (
            "questions.json",
            '[{"picture": "9.png", "question": "?", "answer": "!", "kind": "k"}]',
            "no picture '9.png'",
        ),
        (
            "questions.json",
            '[{"picture": "0.png", "question": "?", "answer": "!", "kind": "all"}]',
            "name it otherwise",
        ),
        ("captions.json", "[]", "does not hold captions"),
        ("captions.json", '{"0.png": "a ring"}', "does not hold captions"),
        ("captions.json", '{"0.png": []}', "does not hold captions"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused(
    photos: Path, name: str, text: str, words: str
) -> None:
    (photos / name).write_text(text)
    with pytest.raises(RequestError, match=words):
        folder(photos, 10)
