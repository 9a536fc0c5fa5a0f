"""What is wrong with a configuration is named by its place, its value and what is allowed."""

from pathlib import Path
from typing import Any

import pytest

from edge.agent.config.reading import read_settings, settings_of
from edge.agent.sources.kinds.folder import FolderSource
from protos.errors import RequestError

HOOK = {"kind": "webhook", "name": "desk", "url": "https://host/hook"}
FOLDER = {"kind": "folder", "name": "inbox", "path": "pictures"}
DEFERS = {"question": [{"name": "q", "text": "what?", "defer": "48h"}]}
DIGEST = "0" * 64
OUTBOX = {"outbox": {"path": "outbox.db"}, "cloud": {"address": "localhost:7070"}}


def updated(**fields: str) -> dict[str, Any]:
    return {"update": {"url": "https://host/a.tar"} | fields}


def test_a_file_holds_quantities_with_their_units(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text(
        '[rules]\ndeadline = "300ms"\n[[source]]\nkind = "folder"\n'
        'name = "inbox"\npath = "in"\nrate = "30/min"\n'
    )
    settings = read_settings(file)
    (source,) = settings.source
    assert settings.rules.rules().deadline_ms == 300
    assert source.rate == 0.5
    assert isinstance(source, FolderSource)
    assert source.path == Path("in")


def test_there_may_be_one_cloud_or_several_with_names() -> None:
    one, two = {"address": "a:1"}, {"address": "b:1", "name": "eu"}
    assert [cloud.address for cloud in settings_of({"cloud": one}).clouds] == ["a:1"]
    assert [cloud.name for cloud in settings_of({"cloud": [one, two]}).clouds] == [None, "eu"]
    assert settings_of({}).clouds == ()


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"threads": 0}, "threads: expected `int` >= 1, this is 0"),
        ({"rules": {"deadline": "3"}}, "rules.deadline: '3' is not a time"),
        ({"ruls": {}}, "the file: contains unknown field `ruls`"),
        ({"source": [FOLDER | {"kind": "foldr"}]}, "source[0].kind: invalid value 'foldr'"),
        ({"source": [FOLDER, FOLDER]}, "'inbox' is the name of two"),
        ({"cloud": {"adress": "a:1"}}, "cloud: contains unknown field `adress`"),
        ({"cloud": [{"address": "a:1"}, {}]}, "cloud[1]: missing required field `address`"),
        ({"cloud": [{"address": "a:1"}, {"address": "a:1"}]}, "cloud: 'a:1' is the name of two"),
        ({"outbox": {"path": "o", "size": "1kB"}}, "outbox.size: 1 kB is too little"),
        ({"source": [FOLDER | DEFERS]}, "question 'q': defer: there is nowhere to keep it"),
        (OUTBOX | {"source": [FOLDER | DEFERS]}, "defer: 48h is not kept so long; give up to outbox.age"),
        ({"sink": [HOOK, HOOK]}, "sink: 'desk' is the name of two"),
        ({"sink": [HOOK | {"kind": "webhok"}]}, "sink[0].kind: invalid value 'webhok'"),
        ({"sink": [HOOK | {"url": "http://host/"}]}, "sink 'desk': events sent to host over http://"),
        (updated(url="ftp://host/a.tar"), "update.url: ftp://host/a.tar is none of the web"),
        (updated(url="http://host/a.tar"), "update.url: what host sends over http:// can be changed"),
        (updated(url="https://u:p@host/a.tar"), "update.url: it has a password in it; use token-file"),
        (updated(url="https://host/a.zip"), "names no archive; write one that ends in .tar.zst or .tar"),
        (updated(digest="3fa9"), "update.digest: '3fa9' is no digest; give the 64 hexadecimal digits"),
        (updated(every="10ms"), "update.every: that is too often; give 1s or more"),
        (updated(every="1h", digest=DIGEST), "update.every: what has a digest does not change"),
        (updated(), "nothing says when a bundle is fetched; give digest, or every"),
        (
            updated(url="https://host/{digest}.tar"),
            "nothing says when a bundle is fetched; give digest, or [cloud]",
        ),
        ({"source": [FOLDER | {"rate": "2"}]}, "source[0].rate: '2' is no rate; write 2/s"),
    ],
)
def test_what_is_wrong_is_named(table: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError) as raised:
        settings_of(table)
    assert words in str(raised.value)


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text("threads =")
    with pytest.raises(RequestError, match=f"{file} is no TOML"):
        read_settings(file)
    with pytest.raises(RequestError, match="cannot be read"):
        read_settings(tmp_path / "none.toml")


def test_events_of_a_source_have_names_of_their_own_and_sinks_that_are_there() -> None:
    event = {"name": "person", "equals": "yes", "for": "10s", "sinks": ["desk"]}
    questions = [{"name": name, "text": "is it?", "event": [event]} for name in ("a", "b")]
    with pytest.raises(RequestError, match="source 'inbox': event: 'person' is the name of two"):
        settings_of({"source": [FOLDER | {"question": questions}], "sink": [HOOK]})
    with pytest.raises(RequestError, match="no sink 'desk'"):
        settings_of({"source": [FOLDER | {"question": questions[:1]}]})
    found = settings_of({"source": [FOLDER | {"question": questions[:1]}], "sink": [HOOK]})
    assert found.source[0].question[0].event[0].hold.seconds == 10
