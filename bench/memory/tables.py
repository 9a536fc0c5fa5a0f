"""What `isthmus bench memory` prints."""

from rich.table import Table

from bench.memory.measure import MemoryFigures
from bench.rig.console import plain_table


def table(figures: MemoryFigures) -> Table:
    """Sizes on disk and peaks in memory, in GB."""
    made = plain_table(f"memory while splitting {figures.config}", padding=2)
    made.add_column("")
    made.add_column("GB", justify="right")
    rows = {
        "checkpoint on disk": figures.checkpoint,
        "its language model as FP32": figures.language,
        "its tower as FP32": figures.tower,
        "peak resident memory": figures.resident,
        "  of it no file backs, at most": figures.anonymous,
        "  of it files back, at most": figures.file_backed,
        "target: the tower and 4 GiB": figures.target,
    }
    for name, size in rows.items():
        made.add_row(name, f"{size / 1e9:.2f}")
    return made


def summary(figures: MemoryFigures) -> str:
    """Whether the peak is within the target, in a sentence."""
    met = "within" if figures.resident <= figures.target else "above"
    return f"The peak is {met} the target; the split took {figures.seconds:.0f} s."
