"""The recommendation, with its reason, in one sentence."""

from protos.measurements import accuracy_word
from protos.terminal.units import format_bound, format_points, format_rate, format_size, format_time
from splitter.planning.plan import Option, Plan, suitable


def reason(plan: Plan) -> str:
    """Why the recommended choice is recommended."""
    parts = [_opening(plan), *_rivals(plan), *_deadline(plan)]
    return "; ".join(parts) + "."


def ranked(plan: Plan) -> list[Option]:
    """Every option: the recommended one, then those accurate enough and the others, each from the fastest."""
    return sorted(
        plan.options,
        key=lambda one: (one is not plan.recommended, not one.accurate, one.late, one.total, one.name),
    )


def why(plan: Plan, option: Option) -> str:
    """Why an option is not the one to take."""
    best = plan.recommended
    if option is best:
        return "recommended"
    if not option.accurate:
        lost, bound = format_points(option.choice.loss), format_bound(plan.demands.max_loss)
        return f"loses {lost}{' beyond noise' if option.choice.loss_error else ''}, more than {bound}"
    if option.late > best.late:
        return "misses the deadline" if option.late == 1 else f"misses the deadline in {option.late:.1%}"
    if option.total > best.total:
        return f"{format_time(option.total - best.total)} slower"
    return "as fast, but sends more or is less accurate"


def _opening(plan: Plan) -> str:
    best = plan.recommended
    costs = f"{_time(best)}, sends {_size(best)} and loses {_lost(best)} in {_accuracy(plan)}"
    if not best.accurate:
        why = (
            f"no choice stays within {format_bound(plan.demands.max_loss)} of the whole model's "
            f"{plan.accuracy:.1f}%"
        )
        return f"take {best.name}, the most accurate, although {why}: over {plan.link.words} it takes {costs}"
    how = "late least often" if plan.demands.deadline is not None and _spread(plan) else "the fastest"
    return f"take {best.name}, {how} {_those(plan)}: over {plan.link.words} it takes {costs}"


def _rivals(plan: Plan) -> list[str]:
    """How far the best of each other kind is behind."""
    best, said = plan.recommended, []
    for kind, words in (
        ("split", "the best split"),
        ("upload", "the best upload"),
        ("local", "answering on the device"),
        ("cascade", "answering there first"),
    ):
        rivals = [option for option in suitable(plan.options) if option.choice.kind == kind]
        if rivals and best.choice.kind != kind:
            rival = min(rivals, key=lambda option: option.total)
            name = "" if kind == "local" else f", {rival.name},"
            said.append(f"{words}{name} takes {_apart(rival.total - best.total)}")
    return said


def _deadline(plan: Plan) -> list[str]:
    limit, best = plan.demands.deadline, plan.recommended
    if limit is None:
        return []
    if best.late == 0:
        spare = "whenever it starts" if _spread(plan) else f"with {format_time(limit - best.total)} to spare"
        return [f"the deadline of {format_time(limit)} is met {spare}"]
    if best.late < 1:
        return [f"{best.late:.1%} of the requests miss the deadline of {format_time(limit)}"]
    if plan.enough is None:
        return [f"the deadline of {format_time(limit)} cannot be met over any uplink"]
    return [f"the deadline of {format_time(limit)} needs an uplink of {format_rate(plan.enough)}"]


def _those(plan: Plan) -> str:
    bound = plan.demands.max_loss
    return f"of those that lose at most {format_bound(bound)}" if bound else "of those that lose nothing"


def _lost(option: Option) -> str:
    """Points, and whether they are beyond noise."""
    noise = " (within noise)" if option.loss and not option.choice.loss else ""
    return format_points(option.loss) + noise


def _accuracy(plan: Plan) -> str:
    word = accuracy_word(plan.measure)
    return "accuracy" if word == "right" else word


def _time(option: Option) -> str:
    beyond = f" (95% within {format_time(option.tail)})" if option.tail != option.total else ""
    return f"{format_time(option.total)}{beyond}"


def _size(option: Option) -> str:
    return format_size(option.choice.bytes_up) if option.choice.bytes_up else "nothing"


def _apart(ms: float) -> str:
    return f"{format_time(abs(ms))} {'more' if ms >= 0 else 'less on average'}"


def _spread(plan: Plan) -> bool:
    return any(option.tail != option.total for option in plan.options)
