"""A rollout: its phases, what is known of harm, what would strike, and what an operator may do."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from cloud.fleet.console.drawings.guards import EvidenceCurve, GuardRow, effects, evidence_over_time
from cloud.fleet.console.groups import GroupFigures, Groups
from cloud.fleet.console.layout import (
    NOTHING,
    Frame,
    ago,
    console_page,
    counted,
    device_link,
    moment,
    percent,
    rollout_link,
    signed_percent,
)
from cloud.fleet.console.pages.audit import audit_table
from cloud.fleet.console.pages.settings import settings_words, share_words
from cloud.fleet.rollout.ruling import GuardFinding, findings
from cloud.fleet.rollout.state import Standing
from cloud.fleet.rollout.summary import allowance
from cloud.fleet.storage.history import Moment, strongest
from cloud.fleet.storage.rollouts import KeptRollout
from cloud.identity.identity import Role
from protos.pages.document import listing, section, sentence, soft
from protos.pages.live import live_state, placed
from protos.pages.markup import Markup, element, join
from protos.pages.tables import Table, TableRow, folded, scrolling
from protos.terminal.units import format_size, format_time

_MAX_LISTED, _MAX_KIND = 40, 22
_MARGIN = 0.06  # of the time that evidence is drawn for, beyond what is known
_STATUS_STYLES = {"rolled back": "wrong", "done": "right"}
GUARD_NAMES = {
    "silence": "devices fall silent",
    "errors": "answers fail",
    "p95": "P95 latency",
    "energy": "joules an answer",
    "bytes": "bytes an answer",
    "agreement": "other answers",
    "self-test": "self-tests",
}
_STYLES = dict(zip(GUARD_NAMES, ("c3", "c4", "c0", "c1", "c2", "c5", "other"), strict=True))
_HEADINGS = {
    "phases": "Phases",
    "guards": "Guards",
    "groups": "Control beside treated",
    "evidence": "The evidence over time",
    "devices": "Devices",
    "audit": "Who did what",
}
_NOTES = {
    "phases": "Each phase is watched for its health window at least, and begins only if no guard objects.",
    "guards": "How much worse treated devices are than their like that were not, each beside itself before, "
    "with 95% intervals. The dotted line is what is allowed.",
    "groups": "Means over devices, with 95% intervals; of times and amounts geometric ones.",
    "evidence": "Of each guard, in parts of what is needed to be sure: at 1 it strikes, and all treated "
    "devices get their earlier settings again. It holds whenever and however often it is looked at.",
    "devices": "How it is with those that were told.",
    "audit": "The newest first.",
}


class RolloutFacts(NamedTuple):
    """All that the page of a rollout is made of."""

    now: float
    kept: KeptRollout
    history: Sequence[Moment]
    groups: Groups | None
    audit: Sequence[Mapping[str, Any]]


def rollout_page(frame: Frame, name: str, stream: str, parts: Mapping[str, Markup]) -> str:
    """The whole page as it is now."""
    full = {"phases", "evidence", "audit"}
    body = [
        live_state(stream),
        element("div", placed("status", parts["status"]), role="status"),
        placed("summary", parts["summary"]),
        *(
            section(heading, [_NOTES[key]], placed(key, parts[key]), full=key in full)
            for key, heading in _HEADINGS.items()
        ),
    ]
    return console_page(frame, "Rollouts", f"Rollout {name}", body)


def rollout_parts(facts: RolloutFacts, role: Role) -> Mapping[str, Markup]:
    """Every part by its place. `role`: of who looks, and may act or not."""
    plan, state = facts.kept.plan, facts.kept.state
    found = [one for phase in range(state.phase + 1) for one in findings(plan, state, phase)]
    return {
        "status": _status(facts.kept),
        "summary": join([_summary(facts, found), _actions(facts.kept, role)]),
        "phases": _phases(facts.kept),
        "guards": _guards(facts.kept, found),
        "groups": _groups(facts.groups),
        "evidence": _evidence(facts),
        "devices": _devices(facts.kept),
        "audit": audit_table(facts.audit, facts.now),
    }


def rollouts_page(frame: Frame, rows: Sequence[Mapping[str, Any]], now: float) -> str:
    """All of them, the newest first."""
    if not rows:
        words = "No rollout yet. Start one from Tune, or with `isthmus fleet rollout start`."
        return console_page(frame, "Rollouts", "Rollouts", [soft(words)])
    made = [
        TableRow(
            (
                rollout_link(row["id"]),
                element("strong", row["status"], class_=_STATUS_STYLES.get(row["status"])),
                moment(row["created"], now),
                settings_words(json.loads(row["settings"])),
                str(row["reason"]),
            )
        )
        for row in rows
    ]
    columns = ("rollout", "status", "begun", "settings", "reason")
    table = Table("Rollouts, the newest first", columns, [made], frozenset(columns)).markup()
    return console_page(frame, "Rollouts", "Rollouts", [table])


def _summary(facts: RolloutFacts, found: Sequence[GuardFinding]) -> Markup:
    kept, state = facts.kept, facts.kept.state
    told = {
        "Begun": moment(kept.created, facts.now),
        "Changes": settings_words(json.loads(kept.settings)),
        "Devices": f"{counted(len(state.treated))} of {counted(len(kept.plan.cohort))} were told",
        "Nearest to striking": _nearest(found),
    }
    return listing(told)


def _status(kept: KeptRollout) -> Markup:
    state = kept.state
    reason = state.reason or kept.reason
    status = element("strong", state.status.value.capitalize(), class_=_STATUS_STYLES.get(state.status.value))
    phase = min(state.phase + 1, len(kept.plan.phases))
    place = "" if state.status.ended else f" in phase {phase} of {len(kept.plan.phases)}"
    return element("p", status, f"{place}. {sentence(reason) if reason else ''}", class_="lede")


def _nearest(found: Sequence[GuardFinding]) -> str:
    best = max(strongest(found), key=lambda one: one.harm, default=None)
    if best is None:
        return "no guard knows anything yet"
    if best.harm >= 1:
        return f"{GUARD_NAMES[best.measure]}{_whom(best)}: it has struck"
    if best.harm <= 0:
        return "none: there is no evidence of harm"
    return (
        f"{GUARD_NAMES[best.measure]}{_whom(best)}, with {percent(best.harm)} of the evidence that is needed"
    )


def _whom(found: GuardFinding) -> str:
    return f" of class {found.kind}" if found.kind else ""


def _actions(kept: KeptRollout, role: Role) -> Markup:
    """Links to where each asks for a reason."""
    if kept.state.status.ended:
        return Markup()
    paused = kept.state.status.value == "paused"
    verbs = [("resume", "Resume…", Role.ADMIN)] if paused else [("pause", "Pause…", Role.OPERATOR)]
    if not paused:
        verbs.append(("resume", "Go on unproven…", Role.ADMIN))
    verbs.append(("abort", "Abort…", Role.OPERATOR))
    links = [
        element(
            "a",
            words,
            href=f"/rollouts/{kept.id}/{verb}",
            class_="button danger" if verb == "abort" else "button",
        )
        for verb, words, needs in verbs
        if role >= needs
    ]
    return element("p", *links, class_="state actions")


def _phases(kept: KeptRollout) -> Markup:
    """One step a phase, and one for the control group."""
    plan, state = kept.plan, kept.state
    items = []
    for phase in range(plan.last_phase + 1):
        share = plan.phases[phase] if phase < len(plan.phases) else 1.0
        control = phase >= len(plan.phases)
        words = (
            f"the control group · {counted(plan.controls)}"
            if control
            else share_words(share, plan.quota(phase))
        )
        over = phase < state.phase or state.status.value == "done"
        now = phase == state.phase and not over
        told = sum(device.phase == phase for device in state.treated.values())
        later = "not begun" if state.status.ended else "to come"
        note = f"{counted(told)} told" if told else "over" if over else "now" if now else later
        note = f"stopped here, {note}" if now and state.status.ended else note
        kind = "done" if over else ("now" if not state.status.ended else "stopped") if now else "later"
        items.append(
            element(
                "li",
                element("strong", "Control" if control else f"Phase {phase + 1}"),
                element("span", words),
                element("span", note, class_="soft"),
                class_=kind,
                aria_current="step" if now else None,
            )
        )
    return element("ol", *items, class_="steps")


def _guards(kept: KeptRollout, found: Sequence[GuardFinding]) -> Markup:
    """By the strongest look of each guard: that is the one which would strike."""
    known = [one for one in strongest(found) if one.blocks]
    if not known:
        return soft("Nothing is known yet: treated devices and their like have to tell telemetry first.")
    proven = {one.measure for one in found if one.health >= 1 and not one.kind}
    rows = [
        GuardRow(
            GUARD_NAMES[one.measure],
            one.kind[:_MAX_KIND],
            one.effect,
            one.half,
            allowance(one.measure, kept.plan.guards) or 0.0,
            one.harm >= 1,
            one.measure in proven,
        )
        for one in known
    ]
    table = [
        TableRow(
            (
                GUARD_NAMES[one.measure],
                one.kind or "all",
                f"{signed_percent(one.effect)} (±{percent(one.half)})",
                counted(one.blocks),
                _part(one.harm),
                _part(one.health),
            ),
            "best" if one.harm >= 1 else "",
        )
        for one in known
    ]
    columns = ("guard", "class", "worse by", "comparisons", "evidence of harm", "of health")
    words = "In parts of the evidence that is needed"
    figures = Table(words, columns, [table], frozenset({"class"})).markup()
    return join([element("div", effects(rows), class_="chart"), folded("The figures", figures)])


def _part(value: float) -> str:
    return percent(max(value, 0.0))


_GROUP_WRITTEN: Mapping[str, Callable[[float], str]] = {
    "P95 latency": format_time,
    "answers that fail": percent,
    "bytes an answer": format_size,
    "joules an answer": "{:.2f} J".format,
}


def _groups(groups: Groups | None) -> Markup:
    if groups is None:
        return soft("No treated device has been watched yet.")
    rows = [
        TableRow((name, _level(groups.control, name), _level(groups.treated, name)))
        for name in _GROUP_WRITTEN
        if name in groups.control.levels or name in groups.treated.levels
    ]
    columns = (
        "measure",
        f"control ({counted(groups.control.devices, 'device')})",
        f"treated ({counted(groups.treated.devices, 'device')})",
    )
    caption = f"Over the last {ago(groups.end - groups.start)}"
    return Table(caption, columns, [rows]).markup() if rows else soft("They have told no telemetry since.")


def _level(figures: GroupFigures, name: str) -> str:
    level = figures.levels.get(name)
    if level is None:
        return NOTHING
    written = _GROUP_WRITTEN[name]
    return f"{written(level.value)} ({written(max(level.low, 0.0))} to {written(level.high)})"


def _evidence(facts: RolloutFacts) -> Markup:
    curves = []
    for measure, name in GUARD_NAMES.items():
        points = [
            (one.at, guard.harm) for one in facts.history for guard in one.guards if guard.measure == measure
        ]
        if points:
            curves.append(EvidenceCurve(name, _STYLES[measure], points))
    if not curves:
        return soft("There is none yet.")
    ended = facts.kept.state.status.ended
    end = facts.history[-1].at if ended else facts.now
    end += _MARGIN * (end - facts.kept.created)
    chart = evidence_over_time(curves, facts.kept.created, end)
    moments = [_moment_row(one, facts.now) for one in reversed(facts.history)][:_MAX_LISTED]
    columns = ("at", "phase", "told", "in force", "failed", "strongest evidence of harm")
    words = frozenset({"strongest evidence of harm"})
    table = Table("What was known, whenever that changed", columns, [moments], words).markup()
    box = element("div", scrolling("Evidence over time", chart), class_="chart")
    return join([box, folded("The figures over time", table)])


def _moment_row(one: Moment, now: float) -> TableRow:
    best = max(one.guards, key=lambda guard: guard.harm, default=None)
    words = f"{GUARD_NAMES[best.measure]}: {_part(best.harm)}" if best else NOTHING
    counts = (str(one.phase + 1), counted(one.treated), counted(one.in_force), counted(one.failed))
    return TableRow((moment(one.at, now), *counts, words))


def _devices(kept: KeptRollout) -> Markup:
    state = kept.state
    counts = {standing.value.capitalize(): state.count(standing) for standing in Standing}
    told = listing({name: counted(count) for name, count in counts.items() if count} or {"Told": "none yet"})
    trouble = [
        (name, device)
        for name, device in sorted(state.treated.items())
        if device.standing.failed or device.reason
    ]
    rows = [
        TableRow((device_link(name), device.standing.value, device.reason))
        for name, device in trouble[:_MAX_LISTED]
    ]
    if not rows:
        return told
    words = f"Devices that failed or refused, {counted(len(rows))} of {counted(len(trouble))}"
    table = Table(words, ("device", "how it is", "reason"), [rows], frozenset({"how it is", "reason"}))
    return join([told, table.markup()])
