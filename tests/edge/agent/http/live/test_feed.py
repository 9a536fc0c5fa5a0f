"""What the feed keeps of an answer."""

from dataclasses import replace

from edge.agent.http.live.feed import Feed
from edge.agent.outbox.answers import standing_answer
from edge.agent.outbox.entries import Entry
from protos.costs.estimates import NO_LINK, LinkStates
from tests.edge.agent.outbox.entries import answered, note, request


async def test_the_belief_about_the_link_is_not_kept_with_every_answer() -> None:
    seen = standing_answer(answered(Entry(b"key", "digest", note(), request().SerializeToString()), "red"))
    believed = replace(seen.answer.decision, states=LinkStates.steady(1e6, 20))
    feed = Feed(dict, frames=0)
    await feed.observe(replace(seen, answer=replace(seen.answer, decision=believed)))
    (entry,) = feed.entries
    assert (entry.text, entry.answer.decision.chosen) == ("red", believed.chosen)
    assert entry.answer.decision.states is NO_LINK
