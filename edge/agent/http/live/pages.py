"""The pages that a person sees: the live one, the decision behind an answer, the form for the token."""

from collections.abc import Mapping

from edge.agent.http.live.feed import FeedEntry
from edge.agent.http.live.parts import clock
from edge.policy.explain import ACCURACY, COLUMNS, explain, sentence
from protos.measurements import accuracy_word
from protos.pages.document import Page, document, lede, listing, section, soft
from protos.pages.live import SCRIPT, live_state, placed
from protos.pages.markup import Markup, breakable, element
from protos.pages.sign_in import token_form
from protos.pages.tables import Table, TableRow, folded
from protos.terminal.units import format_size, format_time

LOGIN, STREAM = "/login", "/live"
KIND = "Live"
_WORDS = frozenset({"why"})
_NOTES = {
    "frames": ["The newest first. Pictures are kept in this device's memory, and nowhere else."],
    "routes": ["Each mark is an answer: when it was given, and how long it took. Hollow: a frame alike."],
    "link": ["What the device believes of the way to the cloud, learned from every exchange."],
    "energy": ["Of the answers that are remembered here."],
    "events": ["What standing questions were told to watch for."],
}
_HEADINGS = {
    "frames": "Frames and answers",
    "routes": "Routes over time",
    "link": "The link",
    "energy": "What answers take",
    "events": "Events",
}


def live_page(name: str, parts: Mapping[str, Markup]) -> str:
    """The whole page as it is now; its script keeps it so."""
    sections = [
        section(heading, _NOTES[key], placed(key, parts[key]), full=key == "frames")
        for key, heading in _HEADINGS.items()
    ]
    return _served(Page(KIND, name, [live_state(STREAM), placed("summary", parts["summary"]), *sections]))


def answer_page(entry: FeedEntry, *, pictured: bool) -> str:
    """One answer, and why it came the way it did."""
    answer, decision = entry.answer, entry.answer.decision
    back = element("p", element("a", "← Back to the live page", href="/"))
    alt = f"Frame of {entry.source}"
    image = element("img", src=f"/frames/{entry.number}.jpg", alt=alt, class_="frame") if pictured else ""
    facts = {
        "Question": entry.question or "which label?",
        "Source": entry.source,
        "Given at": clock(entry.at),
        "Route": answer.route,
        "Time": format_time(entry.milliseconds),
        "Sent": format_size(answer.bytes_up),
        "Energy": f"{answer.joules:.2f} J, {answer.energy_source}",
    }
    if answer.fallback:
        facts["Instead"] = answer.fallback
    named = [accuracy_word(decision.measure) if name == ACCURACY else name for name in COLUMNS]
    tables = [_arms(named, few=True, entry=entry), folded("Every way", _arms(named, few=False, entry=entry))]
    parts = [
        back,
        image,
        lede(f"{sentence(decision)}."),
        section("The answer", [], listing(facts)),
        section("What each way would have cost", [_DECIDED], *tables, full=True),
        section("Where the time went", [], _stages(entry)),
    ]
    return _served(Page("Answer", entry.text or "(nothing)", parts))


def login_page(*, wrong: bool) -> str:
    """The form that asks for the token."""
    button = element("button", "Show the live page", type="submit")
    form = token_form(LOGIN, "That is not the token." if wrong else "", button)
    note = soft("It is the first line of the file that http.token-file names on the device.")
    return _served(Page("Login", "This device asks for its token", [form, note]))


_DECIDED = "Predicted before the answer, in milliseconds, the best score first. Why: what made it lose."


def _arms(named: list[str], *, few: bool, entry: FeedEntry) -> Markup:
    rows = [
        TableRow((breakable(name), *cells), "best" if name == entry.answer.decision.chosen.name else "")
        for name, *cells in explain(entry.answer.decision, few=few)
    ]
    caption = "The ways that matter" if few else "Every way"
    return Table(caption, named, [rows], _WORDS).markup()


def _stages(entry: FeedEntry) -> Markup:
    rows = [TableRow((name, format_time(ms))) for name, ms in entry.answer.stages.items()]
    return Table("Stages of this answer, as they were measured", ("stage", "time"), [rows]).markup()


def _served(page: Page) -> str:
    return document(page, Markup('<nav hidden=""></nav>'), SCRIPT)
