"""The parts of the live page that change: each a piece of markup made of the feed."""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from edge.agent.http.live.drawings import link_over_time, routes_over_time
from edge.agent.http.live.feed import Feed, FeedEntry, Happening, LinkBelief
from protos.pages.document import lede, listing, soft
from protos.pages.markup import Markup, breakable, element, join
from protos.pages.tables import Table, TableRow
from protos.terminal.units import format_size, format_time

_ROUTES = ("route", "answers", "median time", "bytes up", "J an answer")
_SHOWN = 12  # frames


def parts(feed: Feed, *, frames: int) -> Mapping[str, Markup]:
    """Every part by the id of its place."""
    entries = feed.entries
    return {
        "summary": _summary(entries),
        "frames": _frames(entries[: min(frames, _SHOWN)] if frames else entries[:_SHOWN], feed),
        "routes": routes_over_time(entries) if entries else _nothing("No answers yet."),
        "energy": _table(entries) if entries else _nothing("No answers yet."),
        "link": _links(feed.links, entries),
        "events": _happenings(feed.happenings),
    }


def clock(at: float) -> Markup:
    """The time of day, by the device's clock."""
    moment = time.localtime(at)
    iso = time.strftime("%Y-%m-%dT%H:%M:%S%z", moment)
    return element("time", time.strftime("%H:%M:%S", moment), datetime=iso)


def _summary(entries: Sequence[FeedEntry]) -> Markup:
    if not entries:
        return lede("Nothing was asked yet. The page fills as answers come.")
    asked = [entry for entry in entries if entry.asked] or list(entries)
    here = sum(entry.kind == "local" for entry in asked)
    sent = sum(entry.answer.bytes_up for entry in asked)
    joules = sum(entry.answer.joules for entry in asked) / len(asked)
    spent = format_time(median(entry.milliseconds for entry in asked))
    alike = len(entries) - len(asked)
    reused = (
        f" {alike} more took an earlier answer, of a frame alike."
        if alike and len(asked) < len(entries)
        else ""
    )
    count = "1 answer" if len(asked) == 1 else f"The last {len(asked)} answers"
    return lede(
        f"{count}: {here} by the device alone, {len(asked) - here} with the cloud. {spent} in the median, "
        f"{format_size(sent)} sent, {joules:.2f} J each.{reused}"
    )


def _frames(entries: Sequence[FeedEntry], feed: Feed) -> Markup:
    if not entries:
        return _nothing("No frames yet.")
    return element(
        "ul", *(_frame(entry, feed.picture(entry.number)) for entry in entries), class_="gallery live"
    )


def _frame(entry: FeedEntry, picture: bytes | None) -> Markup:
    alt = f"Frame of {entry.source}, answered: {entry.text}"
    image = element("img", src=f"/frames/{entry.number}.jpg", alt=alt, loading="lazy") if picture else ""
    way = element("span", breakable(entry.answer.route), class_=f"pill {entry.kind}")
    spent = f"{format_time(entry.milliseconds)}{', as before' if entry.reused else ''}"
    spent = spent if entry.asked else "a frame alike"
    why = element(
        "a", "why", href=f"/answers/{entry.number}", aria_label=f"Why {entry.answer.route} answered this"
    )
    return element(
        "li",
        image,
        element("p", entry.question or "which label?", class_="question"),
        element("p", entry.text or "(nothing)", class_="answer"),
        element("p", way, " ", spent, class_="soft"),
        element("p", entry.source, " · ", clock(entry.at), " · ", why, class_="soft"),
    )


def _table(entries: Sequence[FeedEntry]) -> Markup:
    ways = defaultdict[str, list[FeedEntry]](list)
    for entry in entries:
        if entry.asked:
            ways[entry.answer.route].append(entry)
    ranked = sorted(ways.items(), key=lambda way: -len(way[1]))
    caption = f"By route; energy is {entries[0].answer.energy_source}"
    rows = [TableRow((breakable(route), *_figures(answers))) for route, answers in ranked]
    return Table(caption, _ROUTES, [rows]).markup()


def _figures(answers: Sequence[FeedEntry]) -> tuple[str, ...]:
    sent = sum(one.answer.bytes_up for one in answers) / len(answers)
    joules = sum(one.answer.joules for one in answers) / len(answers)
    spent = format_time(median(one.milliseconds for one in answers))
    return str(len(answers)), spent, format_size(sent) if sent else "none", f"{joules:.2f}"


def _links(links: Mapping[str, LinkBelief], entries: Sequence[FeedEntry]) -> Markup:
    if not links:
        return _nothing("No cloud is configured: the device answers alone.")
    return join([_link(name, link, entries) for name, link in links.items()])


def _link(name: str, link: LinkBelief, entries: Sequence[FeedEntry]) -> Markup:
    facts = {
        **({"Cloud": name} if name else {}),
        "State": link.outage or "open: calls are let through",
        "10 kB and back": f"{format_time(link.median_ms)}; four of five {format_time(link.low_ms)} to "
        f"{format_time(link.high_ms)}",
    }
    drawn = [entry for entry in entries if name in entry.links]
    return join([link_over_time(drawn, name) if len(drawn) > 1 else "", listing(facts)])


def _happenings(happenings: Iterable[Happening]) -> Markup:
    rows = [
        element("li", clock(one.at), " ", element("strong", one.source), " ", one.text) for one in happenings
    ]
    return element("ul", *rows, class_="plain") if rows else _nothing("No events yet.")


def _nothing(words: str) -> Markup:
    return soft(words)
