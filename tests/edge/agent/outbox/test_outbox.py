"""What the outbox accepts it keeps until it is answered or due; where there is no room it says so."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge.agent.observing.deferral import Subject
from edge.agent.outbox.entries import Outcome
from edge.agent.outbox.limits import Limits
from edge.agent.outbox.outbox import Outbox
from protos import inference_pb2 as pb
from protos.errors import OutboxError, RequestError
from tests.edge.agent.outbox.entries import LIMITS, NOW, Wall, answered, note, outbox, request


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Outbox]:
    with closing(outbox(tmp_path)) as opened:
        yield opened


def test_what_is_due_first_is_sent_first(kept: Outbox) -> None:
    late, soon = kept.put(request(), note(due=200)), kept.put(request(), note(due=100))
    first = kept.next()
    assert first
    assert first.id == soon
    kept.settle(answered(first))
    then = kept.next()
    assert then
    assert then.id == late
    assert kept.next(keys=[then.key]) is None
    assert kept.next(bundles=[then.bundle]) is None


def test_every_try_is_the_same_to_the_byte(tmp_path: Path) -> None:
    with closing(outbox(tmp_path)) as kept:
        identity = kept.put(request(), note())
        first = kept.next()
    with closing(outbox(tmp_path)) as kept:
        again = kept.next()
    assert first == again
    assert again
    sent = pb.InferRequest.FromString(again.request)
    assert sent.idempotency_key.hex() == sent.id == identity
    assert sent.features == request().features


def test_an_answer_is_fetched_by_its_id_and_never_changes(kept: Outbox) -> None:
    identity = kept.put(request(), note())
    entry = kept.next()
    assert entry
    assert kept.answer(identity).state == "waiting"
    assert kept.settle(answered(entry, "red"))
    assert not kept.settle(answered(entry, "blue"))
    found = kept.answer(identity)
    assert (found.state, found.text) == ("answered", "red")
    for unknown in ("00", "no id"):
        with pytest.raises(RequestError, match="no deferred question has the id"):
            kept.answer(unknown)


def test_what_waits_is_counted_and_how_long(tmp_path: Path) -> None:
    wall = Wall()
    with closing(outbox(tmp_path, wall=wall)) as kept:
        assert (kept.backlog().waiting, kept.backlog().oldest_seconds) == (0, 0.0)
        kept.put(request(), note(due=200))
        wall.now += 60
        kept.put(request(), note(due=100))
        found = kept.backlog()
        assert (found.waiting, found.oldest_seconds) == (2, 60.0)
        assert found.bytes == kept.bytes > 0


def test_what_is_due_is_dropped_and_says_so(tmp_path: Path) -> None:
    wall = Wall()
    with closing(outbox(tmp_path, wall=wall)) as kept:
        identity = kept.put(request(), note(due=10))
        assert kept.drop_due() == 0
        wall.now += 11
        assert kept.drop_due() == 1
        assert kept.next() is None
        found = kept.answer(identity)
        assert (found.state, found.reason) == ("dropped", "it was not answered before it was due")
        assert kept.counts["dropped"] == 1


def test_an_outcome_is_told_until_it_is_known_to_be(tmp_path: Path) -> None:
    with closing(outbox(tmp_path)) as kept:
        camera, application = kept.put(request(), note()), kept.put(request(), note(subject=Subject()))
        while entry := kept.next():
            kept.settle(answered(entry))
    with closing(outbox(tmp_path)) as kept:
        (told,) = kept.untold()
        assert told.id == camera
        kept.tell(told.key)
        assert kept.untold() == []
        assert kept.answer(application).text == "red"


def test_old_answers_are_forgotten(tmp_path: Path) -> None:
    wall = Wall()
    with closing(outbox(tmp_path, wall=wall)) as kept:
        identity = kept.put(request(), note(subject=Subject()))
        entry = kept.next()
        assert entry
        kept.settle(answered(entry))
        wall.now += 3599
        kept.tidy()
        assert kept.answer(identity).text == "red"
        wall.now += 2
        kept.tidy()
        with pytest.raises(RequestError):
            kept.answer(identity)


def test_a_full_outbox_refuses_the_newcomer_and_drops_nothing(tmp_path: Path) -> None:
    limits = Limits(size=1 << 20, writes_per_day=1 << 30)
    with closing(outbox(tmp_path, limits)) as kept:
        accepted = fill(kept)
        assert kept.bytes <= limits.size
        assert kept.counts == {"kept": len(accepted), "refused": 1}
        entry = kept.next()
        assert entry
        kept.settle(answered(entry))
        kept.put(request(20_000), note())  # there is room again
        with pytest.raises(OutboxError, match=r"65\.5 kB at most"):
            kept.put(request(200_000), note())
        assert all(kept.answer(identity).state in {"waiting", "answered"} for identity in accepted)


def fill(kept: Outbox, size: int = 20_000, words: str = "it is full") -> list[str]:
    """What is accepted until it refuses with these words."""
    accepted, refusal = list[str](), ""
    while not refusal:
        try:
            accepted.append(kept.put(request(size), note()))
        except OutboxError as error:
            refusal = str(error)
    assert words in refusal
    return accepted


def test_a_full_outbox_forgets_what_was_told_and_nothing_that_is_to_be_fetched(tmp_path: Path) -> None:
    limits = Limits(size=1 << 20, writes_per_day=1 << 30)
    with closing(outbox(tmp_path, limits)) as kept:
        fetched, told = kept.put(request(), note(subject=Subject())), kept.put(request(), note())
        while entry := kept.next():
            kept.settle(answered(entry))
            if entry.id == told:
                kept.tell(entry.key)
        fill(kept)
        assert kept.answer(fetched).text == "red"
        with pytest.raises(RequestError):
            kept.answer(told)


def test_space_is_given_back(tmp_path: Path) -> None:
    with closing(outbox(tmp_path)) as kept:
        for _ in range(100):
            kept.put(request(20_000), note())
        full = kept.bytes
        while entry := kept.next():
            kept.settle(Outcome(entry.key, entry.note, dropped="for a test"))
        kept.tidy()
        assert kept.bytes < full / 10
        assert (tmp_path / "outbox.db").stat().st_size == kept.bytes  # nothing lies beside it


def test_writes_of_a_day_are_counted_over_restarts_and_bounded(tmp_path: Path) -> None:
    limits, wall = Limits(size=4 << 20, writes_per_day=500_000), Wall()
    with closing(outbox(tmp_path, limits, wall)) as kept:
        kept.put(request(20_000), note())
        before = kept.pages_today
        assert before >= 5  # at least the request's own
    with closing(outbox(tmp_path, limits, wall)) as kept:
        assert kept.pages_today >= before
        fill(kept, words="were written today")
        assert kept.pages_today * 4096 <= 500_000
        entry = kept.next()
        assert entry
        assert kept.settle(answered(entry))  # what was accepted is settled all the same
        wall.now += 86400
        assert kept.pages_today == 0
        kept.put(request(20_000), note(due=2 * 86400))


def test_starting_does_not_read_the_backlog(tmp_path: Path) -> None:
    limits = Limits(size=256 << 20, writes_per_day=1 << 40)
    with closing(outbox(tmp_path, limits)) as kept:
        kept.put(request(), note())
    path = tmp_path / "outbox.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) "
            "INSERT INTO waiting SELECT randomblob(16), due + i, bundle, note, request FROM waiting, n"
        )
    assert path.stat().st_size > 50_000 * 500
    before = bytes_read()
    with closing(outbox(tmp_path, limits)) as kept:
        assert kept.next()
        assert bytes_read() - before < 200_000


def bytes_read() -> int:
    """By this process, from wherever."""
    return int(Path("/proc/self/io").read_text().split()[1])


def test_what_the_disk_refused_is_not_answered_later(tmp_path: Path) -> None:
    with closing(outbox(tmp_path)) as kept:
        kept.put(request(), note())
        kept._database._connection.execute("PRAGMA max_page_count = 1").fetchall()  # type: ignore[union-attr]
        fill(kept, 50_000, "database or disk is full")
        lost = set(kept._refused)
        assert len(lost) == 1
        identity = kept.put(request(), note())  # it was opened anew
        assert not kept._refused
        assert kept.answer(identity).state == "waiting"
        with pytest.raises(RequestError):
            kept.answer(lost.pop().hex())


def test_an_outbox_is_of_one_process(kept: Outbox, tmp_path: Path) -> None:
    kept.put(request(), note())
    with pytest.raises(OutboxError, match="open in another process"):
        outbox(tmp_path)


def test_what_is_no_outbox_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    path.write_bytes(b"a picture, or anything else\n" * 200)
    with pytest.raises(OutboxError, match="is damaged, or no outbox"):
        outbox(tmp_path)
    assert path.read_bytes().startswith(b"a picture")


def test_only_its_owner_can_read_it(kept: Outbox, tmp_path: Path) -> None:
    kept.put(request(), note())
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_limits_leave_room_for_the_log() -> None:
    assert LIMITS.max_pages * 4096 + 2 * LIMITS.max_wal_bytes <= LIMITS.size
    assert note().due == NOW + 3600
