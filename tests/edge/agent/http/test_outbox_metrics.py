"""What waits in the outbox is counted; a disk that fails takes no other figure with it."""

from contextlib import closing
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from edge.agent.http.outbox_metrics import OutboxCollector
from edge.agent.outbox.outbox import Outbox
from tests.edge.agent.http.test_metrics import samples
from tests.edge.agent.outbox.entries import Wall, note, outbox, request


def scraped(kept: Outbox) -> dict[str, dict[tuple[str, ...], float]]:
    registry = CollectorRegistry()
    registry.register(OutboxCollector(kept))
    return samples(generate_latest(registry).decode())


def test_depth_bytes_and_age_are_told(tmp_path: Path) -> None:
    wall = Wall()
    with closing(outbox(tmp_path, wall=wall)) as kept:
        kept.put(request(), note())
        kept.put(request(), note())
        wall.now += 30
        found = scraped(kept)
        assert found["isthmus_outbox_bytes"] == {(): kept.bytes}
    assert found["isthmus_outbox_waiting"] == {(): 2}
    assert found["isthmus_outbox_oldest_seconds"] == {(): 30}
    assert found["isthmus_outbox_total"] == {
        ("kept",): 2,
        ("refused",): 0,
        ("answered",): 0,
        ("dropped",): 0,
    }


def test_a_disk_that_fails_leaves_what_is_known(tmp_path: Path) -> None:
    with closing(outbox(tmp_path)) as kept:
        kept.put(request(), note())
        kept.close()
        for file in tmp_path.iterdir():
            file.write_bytes(b"no database" * 1000)
        found = scraped(kept)
    assert found["isthmus_outbox_total"][("kept",)] == 1
    assert "isthmus_outbox_waiting" not in found
