"""A page that needs nothing else: its style, its colours in light and in dark, and how it is written to a
file.
"""

from collections.abc import Iterable
from html import escape
from pathlib import Path

from protos.errors import RequestError
from protos.files import write_whole

# Okabe and Ito's, the pale ones made darker
_LIGHT = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#b8568f",
    "#a87400",
    "#3a96c8",
)
_DARK = ("#4fa8de", "#f28b3c", "#2fcba0", "#e39cc4", "#e6b422", "#9ad4f5")
_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5b6570; --paper: #fff; --rule: #e3e7eb;
  --wash: #f3f6f9; LIGHT }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ed; --soft: #9aa5b1; --paper: #14181d; --rule: #2b323a; --wash: #1d232a; DARK } }
body { margin: 0 auto; max-width: 62rem; padding: 2rem 1.2rem 4rem; background: var(--paper);
  color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .2rem; } h2 { font-size: 1.1rem; margin: 2.2rem 0 .4rem; }
p { margin: .4rem 0; } .soft { color: var(--soft); font-size: .9rem; }
.other { --c: var(--soft); } CLASSES
.advice { background: var(--wash); border-left: 4px solid var(--c); padding: .8rem 1rem; margin: 1rem 0; }
svg { width: 100%; min-width: 40rem; height: auto; display: block; } svg text { fill: var(--ink);
  font: 12.5px system-ui, sans-serif; }
svg text.axis, svg text.strip-name { fill: var(--soft); } svg .best, svg .here { font-weight: 700; }
svg .name { paint-order: stroke; stroke: var(--paper); stroke-width: 3px; }
.best text { font-weight: 700; } .faint { opacity: .45; }
.grid { stroke: var(--rule); } .here-line { stroke: var(--ink); stroke-dasharray: 1 3; stroke-width: 1.5; }
.curve { fill: none; stroke: var(--c); stroke-width: 2.5; } .leader { fill: none; stroke: var(--c);
  stroke-width: 1.5; }
.band { fill: var(--c); opacity: .08; } .strip { fill: var(--c); opacity: .28; stroke: var(--paper);
  stroke-width: 2; }
.mark { stroke: var(--c); stroke-width: 2; } .mark.front { fill: var(--c); }
  .mark.beaten { fill: var(--paper); }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .88rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: .22rem .7rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--rule); }
th:nth-child(-n+2), td:nth-child(-n+2), .spans td { text-align: left; } th { color: var(--soft);
  font-weight: 600; }
tr.best td { font-weight: 700; background: var(--wash); } tr.lossy td { color: var(--soft); }
tbody + tbody::before { content: ""; display: block; height: .8rem; }
"""


def document(heading: str, parts: Iterable[str]) -> str:
    """A whole page around markup; the heading is escaped and stands above."""
    policy = (
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src '
        "'unsafe-inline'\">"
    )
    head = (
        f'<meta charset="utf-8">{policy}<meta name="viewport" '
        f'content="width=device-width"><title>{escape(heading)}</title>'
    )
    body = f"<h1>{escape(heading)}</h1>{''.join(parts)}"
    return (
        "<!doctype html><html "
        f'lang="en"><head>{head}<style>{_style()}</style></head><body>{body}</body></html>\n'
    )


def save_document(path: Path, markup: str) -> None:
    """Write a page; a reader sees the old file or the new one. Raises RequestError where it cannot be
    written.
    """
    try:
        write_whole(path, markup)
    except OSError as error:
        raise RequestError(
            f"the page cannot be written to {path} ({error.strerror}); choose another place with --html"
        ) from error


def wide(markup: str) -> str:
    """What may be wider than the screen scrolls by itself."""
    return f'<div class="wide">{markup}</div>'


def _style() -> str:
    def colours(values: tuple[str, ...]) -> str:
        return " ".join(f"--c{index}: {value};" for index, value in enumerate(values))

    classes = " ".join(f".c{index} {{ --c: var(--c{index}); }}" for index in range(len(_LIGHT)))
    return (
        _STYLE.replace("LIGHT", colours(_LIGHT)).replace("DARK", colours(_DARK)).replace("CLASSES", classes)
    )
