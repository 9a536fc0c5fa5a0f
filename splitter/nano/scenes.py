"""Seeded scenes of coloured shapes: what the built-in model was trained to look at.

A scene is drawn from one integer, so a training set, a calibration set and a held-out set are ranges of seeds
that never meet. Pictures are RGB uint8 of shape (128, 128, 3).
"""

import colorsys
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 128
COLOURS = ("red", "orange", "yellow", "green", "cyan", "blue", "purple")
SHAPES = ("circle", "square", "triangle", "star", "cross", "ring")
SIZES = ("small", "large")
BACKGROUNDS = ("plain", "gradient", "striped", "checkered", "noisy")
MAX_OBJECTS = 5

TRAINING_SEEDS = 0
HELD_OUT_SEEDS = 1_000_000_000
CALIBRATION_SEEDS = 2_000_000_000

Raster = NDArray[np.uint8]  # a drawn picture (SIDE, SIDE, 3), or the mask of an object (SIDE, SIDE)

_HUES = {"red": 0, "orange": 27, "yellow": 55, "green": 120, "cyan": 182, "blue": 226, "purple": 285}
_RADII = {"small": (8.5, 11.0), "large": (16.0, 20.0)}
_MIN_VISIBLE = 0.75
_SUBPIXEL_BITS = 4


@dataclass(frozen=True)
class Object:
    """One shape: its words, its centre in pixels from the top left, its radius in pixels, its angle in
    radians.
    """

    colour: str
    shape: str
    size: str
    x: float
    y: float
    radius: float
    angle: float


@dataclass(frozen=True)
class Scene:
    """What a picture shows, in words and places; `seed` fixes everything that is not said here (texture,
    noise).
    """

    objects: tuple[Object, ...]
    background: str
    seed: int

    def flipped(self, orientation: int) -> "Scene":
        """The scene seen in one of the 8 orientations of a square; 0 leaves it as it is (see `flip`)."""
        return replace(self, objects=tuple(_flip_object(o, orientation) for o in self.objects))


@dataclass(frozen=True)
class Picture:
    """A drawn scene: `image` (128, 128, 3) RGB uint8 and `owner` (128, 128) int8, the object seen at a pixel,
    or -1.
    """

    scene: Scene
    image: Raster
    owner: NDArray[np.int8]


def scene(seed: int) -> Scene:
    """The scene that belongs to a seed."""
    return picture(seed).scene


def picture(seed: int, max_objects: int = MAX_OBJECTS) -> Picture:
    """Draw the scene of a seed. Objects that would be hidden by more than a quarter are left out."""
    rng = np.random.default_rng([0x15784, seed])
    background = BACKGROUNDS[rng.integers(len(BACKGROUNDS))]
    image = draw_background(background, rng)
    wanted = int(rng.integers(1, max_objects + 1))
    objects, masks = place_objects(rng, wanted)
    owner = np.full((SIDE, SIDE), -1, np.int8)
    for index, (thing, mask) in enumerate(zip(objects, masks, strict=True)):
        paint(image, thing.colour, mask, rng)
        owner[mask > 127] = index
    return Picture(Scene(tuple(objects), background, seed), photograph(image, rng, rng), owner)


def flip(image: NDArray[np.generic], orientation: int) -> NDArray[np.generic]:
    """An image in one of the 8 orientations: bit 0 mirrors left-right, bit 1 top-bottom, bit 2 swaps the axes
    last.
    """
    if orientation & 1:
        image = image[:, ::-1]
    if orientation & 2:
        image = image[::-1]
    return image.swapaxes(0, 1) if orientation & 4 else image


def _flip_object(thing: Object, orientation: int) -> Object:
    x = SIDE - thing.x if orientation & 1 else thing.x
    y = SIDE - thing.y if orientation & 2 else thing.y
    return replace(thing, x=y, y=x) if orientation & 4 else replace(thing, x=x, y=y)


def place_objects(rng: np.random.Generator, wanted: int) -> tuple[list[Object], list[Raster]]:
    """Draw objects until `wanted` of them stand where each is still seen; a later one may overlap an earlier
    one.
    """
    objects: list[Object] = []
    masks: list[Raster] = []
    for _ in range(40):
        if len(objects) == wanted:
            break
        thing = _random_object(rng)
        if any((o.colour, o.shape) == (thing.colour, thing.shape) for o in objects):
            continue
        mask = coverage(thing)
        if all_visible([*masks, mask]):
            objects.append(thing)
            masks.append(mask)
    return objects, masks


def _random_object(rng: np.random.Generator) -> Object:
    size = SIZES[rng.integers(len(SIZES))]
    radius = float(rng.uniform(*_RADII[size]))
    x, y = rng.uniform(radius + 1, SIDE - radius - 1, 2)
    colour, shape = COLOURS[rng.integers(len(COLOURS))], SHAPES[rng.integers(len(SHAPES))]
    return Object(colour, shape, size, float(x), float(y), radius, float(rng.uniform(-0.35, 0.35)))


def all_visible(masks: list[Raster]) -> bool:
    """Whether three quarters of each object are seen, those that come later lying in front."""
    owner = np.full((SIDE, SIDE), -1, np.int8)
    for index, mask in enumerate(masks):
        owner[mask > 127] = index
    return all((owner == i).sum() >= _MIN_VISIBLE * (m > 127).sum() for i, m in enumerate(masks))


def coverage(thing: Object) -> Raster:
    """The object's coverage of every pixel, 0 to 255, with smooth edges."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    centre = (round(thing.x * 16), round(thing.y * 16))
    if thing.shape in ("circle", "ring"):
        cv2.circle(mask, centre, round(thing.radius * 16), 255, -1, cv2.LINE_AA, _SUBPIXEL_BITS)
        if thing.shape == "ring":
            cv2.circle(mask, centre, round(thing.radius * 0.52 * 16), 0, -1, cv2.LINE_AA, _SUBPIXEL_BITS)
    else:
        corners = _OUTLINES[thing.shape]() * thing.radius
        turn = np.array(
            [[np.cos(thing.angle), -np.sin(thing.angle)], [np.sin(thing.angle), np.cos(thing.angle)]]
        )
        points = np.round((corners @ turn.T + (thing.x, thing.y)) * 16).astype(np.int32)
        cv2.fillPoly(mask, [points], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
    return mask


def _polygon(radii: list[float], start: float) -> NDArray[np.float64]:
    angles = start + np.arange(len(radii)) * 2 * np.pi / len(radii)
    return np.asarray(np.stack([np.cos(angles), np.sin(angles)], 1) * np.array(radii)[:, None])


def _cross() -> NDArray[np.float64]:
    a = 0.34
    outline = [
        (-a, -1),
        (a, -1),
        (a, -a),
        (1, -a),
        (1, a),
        (a, a),
        (a, 1),
        (-a, 1),
        (-a, a),
        (-1, a),
        (-1, -a),
        (-a, -a),
    ]
    return np.array(outline, np.float64)


_OUTLINES: dict[str, Callable[[], NDArray[np.float64]]] = {
    "square": lambda: _polygon([1.15] * 4, np.pi / 4),
    "triangle": lambda: _polygon([1.2] * 3, -np.pi / 2),
    "star": lambda: _polygon([1.2, 0.5] * 5, -np.pi / 2),
    "cross": _cross,
}


def paint(image: NDArray[np.float32], colour: str, mask: Raster, rng: np.random.Generator) -> None:
    """Lay a shade of a colour onto an image (128, 128, 3) where the mask covers it."""
    hue = (_HUES[colour] + rng.uniform(-5, 5)) / 360 % 1
    rgb = np.array(colorsys.hsv_to_rgb(hue, rng.uniform(0.75, 1), rng.uniform(0.7, 1)), np.float32) * 255
    shade = 1 + rng.uniform(-0.15, 0.15) * _ramp(rng)
    alpha = mask.astype(np.float32)[..., None] / 255
    image += alpha * (rgb * shade[..., None] - image)


def _ramp(rng: np.random.Generator) -> NDArray[np.float32]:
    """A plane from about -1 to 1 across the picture, at a random angle."""
    angle = rng.uniform(0, 2 * np.pi)
    axis = np.linspace(-1, 1, SIDE, dtype=np.float32)
    return np.float32(np.cos(angle)) * axis[None, :] + np.float32(np.sin(angle)) * axis[:, None]


def draw_background(kind: str, rng: np.random.Generator) -> NDArray[np.float32]:
    """Two muted tones mixed by the pattern of `kind`: (128, 128, 3) float32 in 0..255."""
    first, second = _tones(rng)
    mix = _PATTERNS[kind](rng).astype(np.float32)[..., None]
    return first + (second - first) * mix


def _tones(rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    value = rng.uniform(0.2, 0.9)
    other = value + rng.uniform(0.18, 0.35) * (1 if value < 0.55 else -1)
    tones = [colorsys.hsv_to_rgb(rng.uniform(), rng.uniform(0, 0.25), v) for v in (value, other)]
    return np.array(tones[0], np.float32) * 255, np.array(tones[1], np.float32) * 255


def _stripes(rng: np.random.Generator) -> NDArray[np.bool_]:
    phase = _ramp(rng) * SIDE / 2 / rng.uniform(8, 18) + rng.uniform()
    return np.asarray(phase % 1 < 0.5)


def _checks(rng: np.random.Generator) -> NDArray[np.bool_]:
    cells = (np.arange(SIDE) + rng.integers(24)) // int(rng.integers(9, 20))
    return np.asarray((cells[:, None] + cells[None, :]) % 2 == 0)


def _speckle(rng: np.random.Generator) -> NDArray[np.float64]:
    grain = rng.normal(0.5, 0.55, (SIDE // 2, SIDE // 2))
    return np.clip(np.kron(grain, np.ones((2, 2))), -0.5, 1.5)


_PATTERNS: dict[str, Callable[[np.random.Generator], NDArray[np.generic]]] = {
    "plain": lambda _: np.zeros((SIDE, SIDE)),
    "gradient": lambda rng: (_ramp(rng) * 1.2 + 1) / 2,
    "striped": _stripes,
    "checkered": _checks,
    "noisy": _speckle,
}


def photograph(image: NDArray[np.float32], rng: np.random.Generator, grain: np.random.Generator) -> Raster:
    """What a cheap camera would add: a little blur, uneven light, and sensor noise, which `grain` draws."""
    if rng.uniform() < 0.5:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 0.9)).astype(np.float32)
    lit = image * (1 + rng.uniform(-0.1, 0.1) * _ramp(rng))[..., None]
    noisy = lit + grain.normal(0, rng.uniform(0, 6), image.shape)
    return np.clip(np.round(noisy), 0, 255).astype(np.uint8)
