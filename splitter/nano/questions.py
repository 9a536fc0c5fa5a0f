"""Questions about scenes and their answers, by kind.

Every question has exactly one right answer, by construction: what is too close to call (an object on the
border between two thirds of the picture, two objects at a slant) is not asked.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from splitter.nano.scenes import COLOURS, MAX_OBJECTS, SHAPES, SIDE, SIZES, Object, Scene

KINDS = ("colour", "shape", "size", "count", "existence", "position", "relation", "background", "describe")
DIRECTIONS = ("left", "right", "above", "below")

_PLURAL = {
    "circle": "circles",
    "square": "squares",
    "triangle": "triangles",
    "star": "stars",
    "cross": "crosses",
    "ring": "rings",
}
_BORDER = 4.0  # pixels; a centre nearer than this to a third's border has no sure place
# pixels; two centres nearer than this along an axis are neither left nor right, above nor below
_APART = 14.0
_SLANT = 1.5  # one axis must outweigh the other by this much for a four-way answer


@dataclass(frozen=True)
class Question:
    """A question about a scene, its right answer, and the kind it is counted under."""

    kind: str
    text: str
    answer: str


def ask(scene: Scene, kind: str, rng: np.random.Generator) -> Question | None:
    """One random question of a kind about a scene, or None where the scene allows none."""
    return _ASKERS[kind](scene, rng)


def ask_all(scene: Scene, rng: np.random.Generator, kinds: Iterable[str] = KINDS) -> list[Question]:
    """One question of each kind, as far as the scene allows."""
    questions = (ask(scene, kind, rng) for kind in kinds)
    return [q for q in questions if q is not None]


def words() -> list[str]:
    """Every word that a question or an answer can hold, sorted."""
    fixed = " ".join(_OTHER_WORDS)
    places = [place for row in _PLACES for place in row]
    text = [fixed, *COLOURS, *SHAPES, *_PLURAL.values(), *SIZES, *DIRECTIONS, *places, *_BACKGROUND_WORDS]
    numbers = [str(n) for n in range(MAX_OBJECTS + 1)]
    return sorted({word for part in text for word in part.split()} | set(numbers))


def _article(phrase: str) -> str:
    return f"an {phrase}" if phrase.startswith("orange") else f"a {phrase}"


def _pick(rng: np.random.Generator, options: list[str]) -> str:
    return options[rng.integers(len(options))]


def _refer(scene: Scene, thing: Object, rng: np.random.Generator, without: str = "") -> str | None:
    """Words that mean this object and no other; `without` names the attribute that they must not give
    away.
    """
    phrases = []
    if without not in {"colour", "shape"}:
        phrases += [f"{thing.colour} {thing.shape}"] * 2
    if without != "shape" and sum(o.shape == thing.shape for o in scene.objects) == 1:
        phrases.append(thing.shape)
    if without != "colour" and sum(o.colour == thing.colour for o in scene.objects) == 1:
        phrases.append(f"{thing.colour} object")
    if (
        without == "colour"
        and sum((o.shape, o.size) == (thing.shape, thing.size) for o in scene.objects) == 1
    ):
        phrases.append(f"{thing.size} {thing.shape}")
    if (
        without == "shape"
        and sum((o.colour, o.size) == (thing.colour, thing.size) for o in scene.objects) == 1
    ):
        phrases.append(f"{thing.size} {thing.colour} object")
    return _pick(rng, phrases) if phrases else None


def _attribute(kind: str, templates: list[str]) -> Callable[[Scene, np.random.Generator], Question | None]:
    def asker(scene: Scene, rng: np.random.Generator) -> Question | None:
        for index in rng.permutation(len(scene.objects)):
            thing = scene.objects[index]
            phrase = _refer(scene, thing, rng, without=kind)
            if phrase:
                return Question(kind, _pick(rng, templates).format(phrase), getattr(thing, kind))
        return None

    return asker


def _count(scene: Scene, rng: np.random.Generator) -> Question:
    template = _pick(
        rng, ["how many {} are there?", "how many {} do you see?", "how many {} are in the image?"]
    )
    choice = rng.integers(4)
    if choice == 0:
        return Question("count", template.format("objects"), str(len(scene.objects)))
    if choice == 1:
        shape = _likely(rng, SHAPES, [o.shape for o in scene.objects])
        return Question(
            "count", template.format(_PLURAL[shape]), str(sum(o.shape == shape for o in scene.objects))
        )
    if choice == 2:
        size = SIZES[rng.integers(len(SIZES))]
        return Question(
            "count", template.format(f"{size} objects"), str(sum(o.size == size for o in scene.objects))
        )
    colour = _likely(rng, COLOURS, [o.colour for o in scene.objects])
    return Question(
        "count", template.format(f"{colour} objects"), str(sum(o.colour == colour for o in scene.objects))
    )


def _likely(rng: np.random.Generator, everything: tuple[str, ...], present: list[str]) -> str:
    """One of all the words, but three times in four one that the scene holds, so that the answer is seldom
    0.
    """
    return _pick(rng, present if rng.uniform() < 0.75 and present else list(everything))


def _existence(scene: Scene, rng: np.random.Generator) -> Question:
    template = _pick(rng, ["is there {}?", "do you see {}?", "is there {} in the image?"])
    pairs = {(o.colour, o.shape) for o in scene.objects}
    if rng.uniform() < 0.5:
        colour, shape = sorted(pairs)[rng.integers(len(pairs))]
    else:
        colour, shape = _absent(scene, pairs, rng)
    return Question(
        "existence",
        template.format(_article(f"{colour} {shape}")),
        "yes" if (colour, shape) in pairs else "no",
    )


def _absent(scene: Scene, pairs: set[tuple[str, str]], rng: np.random.Generator) -> tuple[str, str]:
    """A colour and a shape that do not meet in this scene, though half of the time each of them is there."""
    while True:
        hard = rng.uniform() < 0.5
        colour = _pick(rng, [o.colour for o in scene.objects] if hard else list(COLOURS))
        shape = _pick(rng, [o.shape for o in scene.objects] if hard and rng.uniform() < 0.7 else list(SHAPES))
        if (colour, shape) not in pairs:
            return colour, shape


_PLACES = (
    ("top left", "top", "top right"),
    ("left", "center", "right"),
    ("bottom left", "bottom", "bottom right"),
)


def place(x: float, y: float) -> str | None:
    """The ninth of the picture that a centre lies in, or None where it is too near a border to say."""
    third = SIDE / 3
    if any(abs(v - border) < _BORDER for v in (x, y) for border in (third, 2 * third)):
        return None
    return _PLACES[int(y // third)][int(x // third)]


def _position(scene: Scene, rng: np.random.Generator) -> Question | None:
    for index in rng.permutation(len(scene.objects)):
        thing = scene.objects[index]
        answer, phrase = place(thing.x, thing.y), _refer(scene, thing, rng)
        if answer and phrase:
            template = _pick(rng, ["where is the {}?", "where is the {}?", "where in the image is the {}?"])
            return Question("position", template.format(phrase), answer)
    return None


def direction(thing: Object, other: Object) -> str | None:
    """Where a thing is as seen from another, or None where neither axis outweighs the other."""
    dx, dy = thing.x - other.x, thing.y - other.y
    if abs(dx) >= _APART and abs(dx) >= _SLANT * abs(dy):
        return "right" if dx > 0 else "left"
    if abs(dy) >= _APART and abs(dy) >= _SLANT * abs(dx):
        return "below" if dy > 0 else "above"
    return None


def _relation(scene: Scene, rng: np.random.Generator) -> Question | None:
    order = rng.permutation(len(scene.objects))
    for i in order:
        for j in order[::-1]:
            thing, other = scene.objects[i], scene.objects[j]
            answer = direction(thing, other) if i != j else None
            if answer:
                return _relate(scene, thing, other, answer, rng)
    return None


def _relate(
    scene: Scene, thing: Object, other: Object, answer: str, rng: np.random.Generator
) -> Question | None:
    first, second = _refer(scene, thing, rng), _refer(scene, other, rng)
    if not first or not second:
        return None
    if rng.uniform() < 0.6:
        return Question("relation", f"where is the {first} relative to the {second}?", answer)
    claim = answer if rng.uniform() < 0.5 else _OPPOSITE[answer]
    return Question(
        "relation", f"is the {first} {_PREPOSITION[claim]} the {second}?", "yes" if claim == answer else "no"
    )


_OPPOSITE = {"left": "right", "right": "left", "above": "below", "below": "above"}
_PREPOSITION = {"left": "left of", "right": "right of", "above": "above", "below": "below"}


def _background(scene: Scene, rng: np.random.Generator) -> Question:
    template = _pick(
        rng,
        ["what is the background?", "what kind of background is it?", "what does the background look like?"],
    )
    return Question("background", template, scene.background)


def _describe(scene: Scene, rng: np.random.Generator) -> Question:
    template = _pick(rng, ["describe the image.", "describe the image.", "what is in the image?"])
    return Question("describe", template, description(scene))


def description(scene: Scene) -> str:
    """The scene in one sentence: its objects sorted by colour, then shape, then the background."""
    ordered = sorted(scene.objects, key=lambda o: (COLOURS.index(o.colour), SHAPES.index(o.shape)))
    things = " and ".join(_article(f"{o.size} {o.colour} {o.shape}") for o in ordered)
    return f"{things} on a {scene.background} background"


_BACKGROUND_WORDS = ("plain", "gradient", "striped", "checkered", "noisy")
_OTHER_WORDS = (
    "what color colour is the of image which has",
    "what shape is the",
    "how big is the what size",
    "how many objects object are there do you see in the image",
    "is there a an do you see yes no where relative to of",
    "background kind it does look like describe and on",
)

_ASKERS: dict[str, Callable[[Scene, np.random.Generator], Question | None]] = {
    "colour": _attribute(
        "colour", ["what color is the {}?", "what colour is the {}?", "which color has the {}?"]
    ),
    "shape": _attribute("shape", ["what shape is the {}?", "what shape has the {}?"]),
    "size": _attribute("size", ["how big is the {}?", "what size is the {}?"]),
    "count": _count,
    "existence": _existence,
    "position": _position,
    "relation": _relation,
    "background": _background,
    "describe": _describe,
}
