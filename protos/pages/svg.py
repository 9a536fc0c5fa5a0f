"""The little SVG that the charts need."""

from collections.abc import Iterable, Sequence

from protos.pages.markup import Markup, element, slug

Point = tuple[float, float]


def drawing(words: str, told: str, size: Point, parts: Iterable[str], *, wide: bool = True) -> Markup:
    """A drawing with its title, the same in words for who does not see it, and its width and height.

    One that is not `wide` fits the narrowest screen; another scrolls there.
    """
    key = slug(words)
    heads = (element("title", words, id=f"{key}-title"), element("desc", told, id=f"{key}-words"))
    return element(
        "svg",
        *heads,
        *parts,
        viewBox=f"0 0 {size[0]:.0f} {size[1]:.0f}",
        role="img",
        aria_labelledby=f"{key}-title {key}-words",
        class_="wide" if wide else "narrow",
    )


def group(*parts: str, told: str, class_: str | None = None) -> Markup:
    """Parts that belong together; a pointer that rests on them is told what they are."""
    return element("g", element("title", told), *parts, class_=class_)


def text(words: str, x: float, y: float, /, **attributes: object) -> Markup:
    """Words at a place."""
    return element("text", words, x=x, y=y, **attributes)


def line(x1: float, y1: float, x2: float, y2: float, /, **attributes: object) -> Markup:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, **attributes)


def path(points: Iterable[Point], /, **attributes: object) -> Markup:
    """Straight lines through points."""
    return element("path", d=_through(points), **attributes)


def area(points: Iterable[Point], /, **attributes: object) -> Markup:
    """What lies inside of points."""
    return element("path", d=f"{_through(points)}Z", **attributes)


def mark(shape: str, x: float, y: float, /, r: float = 5.0, **attributes: object) -> Markup:
    """A mark of one of SHAPES around a place, whose size is about that of a disc with this radius."""
    if shape == "disc":
        return element("circle", cx=x, cy=y, r=r, **attributes)
    return area([(x + r * dx, y + r * dy) for dx, dy in SHAPES[shape]], **attributes)


SHAPES: dict[str, Sequence[Point]] = {
    "disc": (),
    "square": ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    "diamond": ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
    "triangle": ((0, -1.25), (1.2, 0.9), (-1.2, 0.9)),
    "kite": ((0, 1.25), (1.2, -0.9), (-1.2, -0.9)),
}


def _through(points: Iterable[Point]) -> str:
    return "M" + " L".join(f"{x:.1f},{y:.1f}" for x, y in points)
