"""A wish that waits for a bundle says so, and for how long that may be."""

from edge.agent.fleet.takeover import TakeoverWatch
from edge.agent.status.update_status import UpdateStatus
from protos import fleet_pb2 as pb

WISH = pb.Desired(version=7, settings=pb.FleetSettings(bundle=pb.BundleReference(digest="ab" * 32)))


class Watched:
    """With a clock that is set by hand."""

    def __init__(self) -> None:
        self.now, self.update = 100.0, UpdateStatus()
        self.watch = TakeoverWatch(self.update, 60.0, lambda: self.now)

    def told(self, trying: pb.Desired | None = WISH) -> pb.Reported:
        reported = pb.Reported()
        self.watch.tell(reported, trying)
        return reported


def test_what_is_waited_for_is_told_with_what_failed_so_far() -> None:
    watched = Watched()
    assert watched.told().takeover.waits_for == "bundle abababababab to be fetched"
    for _ in range(3):
        watched.update.failed("no way to there")
    told = watched.told()
    assert (told.takeover.failures, told.takeover.error) == (3, "no way to there")
    watched.update.entered("trying")
    assert watched.told().takeover.waits_for == "bundle abababababab to be tried"
    watched.update.tries(on=True)
    assert watched.told().takeover.waits_for == "the first answer of bundle abababababab"
    watched.update.begins_anew()
    assert watched.told().takeover.failures == 0


def test_after_its_time_it_counts_as_failed_and_is_awaited_further() -> None:
    watched = Watched()
    assert watched.watch.seconds_left(WISH) == 60.0
    watched.now += 59.0
    assert not watched.told().HasField("refused")
    assert watched.watch.seconds_left(WISH) == 1.0
    watched.now += 1.0
    watched.update.failed("no way to there")
    told = watched.told()
    assert (told.refused.version, told.refused.reason) == (7, pb.Refusal.FAILED)
    assert "no way to there" in told.refused.text
    assert told.takeover.waits_for
    assert watched.watch.seconds_left(WISH) == float("inf")


def test_another_wish_has_its_own_time_and_one_without_a_bundle_waits_for_nothing() -> None:
    watched = Watched()
    watched.told()
    watched.now += 100.0
    other = pb.Desired(version=8, settings=WISH.settings)
    assert not watched.told(other).HasField("refused")
    for nothing in (None, pb.Desired(version=9)):
        assert watched.told(nothing) == pb.Reported()
        assert watched.watch.seconds_left(nothing) == float("inf")
