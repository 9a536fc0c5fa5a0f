"""What `isthmus bench gpu` prints."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bench.gpu.heads import HeadOn
from bench.gpu.identity import Identity
from bench.gpu.measure import TOKENS, GpuFigures
from bench.rig.console import plain_table, print_notes
from bench.service import tables as service

_IDENTITY = (
    "as alone: answers that are, to the letter, what the service says where nobody else asks; as float32: "
    "answers of the question alone that are what float32 says."
)
_HEADS = "difference: of the last boundary from the CPU's, the largest, to the largest number there."


def show(found: GpuFigures, where: str, console: Console) -> None:
    """Whether answers are the same, how quick the head is, and how many answers a second there are."""
    console.print(_identities(found.identities))
    print_notes(console, (_IDENTITY,))
    console.print()
    console.print(_heads(found.heads))
    print_notes(console, (_HEADS, where))
    console.print()
    service.show(found.rows, f"{where} {found.dtype}; at most {TOKENS} tokens an answer.", console)


def _identities(identities: Sequence[Identity]) -> Table:
    table = plain_table("answers in company, and in fewer bits")
    table.add_column("dtype")
    for name in ("answers", "as alone", "as float32"):
        table.add_column(name, justify="right")
    for one in identities:
        table.add_row(one.dtype, str(one.answers), f"{one.as_alone:.1%}", f"{one.as_float32:.1%}")
    return table


def _heads(heads: Sequence[HeadOn]) -> Table:
    table = plain_table("the head, by execution provider")
    table.add_column("provider")
    for name in ("ms", "difference"):
        table.add_column(name, justify="right")
    for one in heads:
        table.add_row(one.provider, f"{one.milliseconds:.1f}", f"{one.difference:.1e}")
    return table
