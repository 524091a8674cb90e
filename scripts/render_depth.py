"""Depth images of things and places, made of boxes, ellipsoids and cylinders by casting rays.

Every instance is drawn anew: its sizes, its parts, what stands around it, and the camera. Metres,
z up, the floor at 0. ``render`` gives what a sensor would: noise that grows with the square of the
distance, holes at edges and beyond its range.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from searchengine.types import DepthMap

Random: TypeAlias = np.random.Generator
Doubles: TypeAlias = npt.NDArray[np.float64]

BOX, ELLIPSOID, CYLINDER = "box", "ellipsoid", "cylinder"
WIDTH_PX, HEIGHT_PX = 160, 120
FAR_M = 1e6
#: A camera in a room is no nearer to a wall than this.
BEFORE_WALL_M = 0.3


@dataclass(frozen=True, slots=True)
class Solid:
    """``half`` sizes along its own axes, turned by ``yaw`` about z; a cylinder's axis is z,
    or x where ``lying``."""

    shape: str
    centre: tuple[float, float, float]
    half: tuple[float, float, float]
    yaw: float = 0.0
    lying: bool = False


Solids: TypeAlias = list[Solid]


@dataclass(frozen=True, slots=True)
class Scene:
    """``focus`` is looked at from ``distance_m``; ``indoors`` has walls and a ceiling.

    The camera stands less than ``within_m`` from the middle, along x and along y.
    """

    solids: Solids
    focus: tuple[float, float, float]
    distance_m: tuple[float, float]
    indoors: bool = True
    inside: bool = False
    within_m: tuple[float, float] = (np.inf, np.inf)


class Draw:
    """Sizes between two bounds; ``wider`` than 1 also draws from beyond them."""

    def __init__(self, random: Random, wider: float = 1.0) -> None:
        self.random = random
        self.wider = wider

    def __call__(self, low: float, high: float) -> float:
        middle, half = (low + high) / 2, (high - low) / 2 * self.wider
        return float(max(self.random.uniform(middle - half, middle + half), low / 2))

    def maybe(self, chance: float) -> bool:
        return bool(self.random.random() < chance)


def upright(shape: str, x: float, y: float, low: float, high: float, rx: float, ry: float) -> Solid:
    """From the height ``low`` to ``high``, reaching ``rx`` and ``ry`` from its axis."""
    return Solid(shape, (x, y, (low + high) / 2), (rx, ry, (high - low) / 2))


def legs(draw: Draw, half_x: float, half_y: float, height: float) -> Solids:
    thick = draw(0.015, 0.04)
    shape = CYLINDER if draw.maybe(0.5) else BOX
    return [
        upright(shape, x * (half_x - thick), y * (half_y - thick), 0, height, thick, thick)
        for x in (-1, 1)
        for y in (-1, 1)
    ]


def chair(draw: Draw) -> Scene:
    seat, half, back = draw(0.4, 0.5), draw(0.2, 0.27), draw(0.38, 0.6)
    solids = legs(draw, half, half, seat)
    if draw.maybe(0.25):
        solids = [upright(CYLINDER, 0, 0, 0, seat, 0.03, 0.03)]
        solids += [upright(CYLINDER, 0, 0, 0, 0.05, half, half)]
    solids += [upright(BOX, 0, 0, seat - 0.04, seat + 0.02, half, half)]
    solids += [upright(BOX, -half + 0.02, 0, seat + draw(0, 0.15), seat + back, 0.025, half)]
    if draw.maybe(0.35):
        arm = seat + draw(0.18, 0.26)
        solids += [upright(BOX, 0, s * half, arm, arm + 0.04, half * 0.8, 0.025) for s in (-1, 1)]
    return Scene(solids, (0, 0, seat), (1.2, 2.8))


def table(draw: Draw) -> Scene:
    top, x, y = draw(0.68, 0.78), draw(0.4, 1.0), draw(0.35, 0.55)
    if draw.maybe(0.35):
        solids = [upright(CYLINDER, 0, 0, 0, top, 0.05, 0.05)]
        solids += [upright(CYLINDER, 0, 0, top - 0.04, top, x, x)]
    else:
        solids = [*legs(draw, x, y, top), upright(BOX, 0, 0, top - draw(0.03, 0.06), top, x, y)]
    for _ in range(draw.random.integers(0, 4)):
        at, tall = draw.random.uniform(-0.6, 0.6, 2) * (x, y), draw(0.05, 0.3)
        shape = CYLINDER if draw.maybe(0.6) else BOX
        solids += [upright(shape, at[0], at[1], top, top + tall, draw(0.03, 0.1), draw(0.03, 0.1))]
    return Scene(solids, (0, 0, top * 0.8), (1.6, 3.5))


def sofa(draw: Draw) -> Scene:
    x, y, seat = draw(0.38, 0.5), draw(0.75, 1.15), draw(0.38, 0.46)
    arm, back = draw(0.55, 0.68), draw(0.75, 0.95)
    solids = [upright(BOX, 0, 0, 0.08, seat, x, y), upright(BOX, -x, 0, 0.08, back, 0.12, y)]
    solids += [upright(BOX, 0, s * y, 0.08, arm, x, draw(0.08, 0.15)) for s in (-1, 1)]
    cushions = int(draw.random.integers(2, 4))
    for i in range(cushions):
        at = (i + 0.5) * 2 * y / cushions - y
        solids += [upright(BOX, 0.04, at, seat, seat + 0.1, x - 0.05, 0.94 * y / cushions)]
    return Scene(solids, (0, 0, 0.45), (1.8, 3.8))


def bed(draw: Draw) -> Scene:
    x, y, top = draw(0.95, 1.08), draw(0.45, 0.95), draw(0.42, 0.62)
    solids = [upright(BOX, 0, 0, 0.12, top, x, y)]
    solids += [upright(BOX, -x, 0, 0, draw(0.8, 1.25), 0.04, y + 0.03)]
    pillows = (-0.5, 0.5) if y > 0.65 else (0.0,)
    solids += [
        Solid(ELLIPSOID, (-x + 0.3, p * y, top + 0.04), (0.2, 0.32, draw(0.06, 0.12)))
        for p in pillows
    ]
    if draw.maybe(0.5):
        solids += [Solid(BOX, (0.3, 0, top + 0.03), (x * 0.65, y + 0.03, 0.05))]
    return Scene(solids, (0, 0, 0.5), (2.2, 4.0))


def bookshelf(draw: Draw) -> Scene:
    x, y, tall = draw(0.13, 0.2), draw(0.35, 0.8), draw(1.3, 2.2)
    boards = int(draw.random.integers(4, 7))
    solids = [upright(BOX, 0, s * y, 0, tall, x, 0.015) for s in (-1, 1)]
    solids += [upright(BOX, -x, 0, 0, tall, 0.01, y)]
    for i in range(boards + 1):
        solids += [Solid(BOX, (0, 0, tall * i / boards), (x, y, 0.015))]
    for i in range(boards):
        start, end = sorted(draw.random.uniform(-y, y, 2))
        low, high = tall * i / boards, tall * (i + draw.random.uniform(0.5, 0.9)) / boards
        solids += [upright(BOX, -0.03, (start + end) / 2, low, high, x * 0.7, (end - start) / 2)]
    return Scene(solids, (0, 0, tall / 2), (1.8, 3.5))


def lamp(draw: Draw) -> Scene:
    tall, shade = draw(1.3, 1.8), draw(0.14, 0.25)
    solids = [upright(CYLINDER, 0, 0, 0, 0.03, draw(0.12, 0.18), 0.15)]
    solids += [upright(CYLINDER, 0, 0, 0, tall, 0.015, 0.015)]
    shape = ELLIPSOID if draw.maybe(0.3) else CYLINDER
    solids += [upright(shape, 0, 0, tall - draw(0.1, 0.17), tall + draw(0.1, 0.17), shade, shade)]
    return Scene(solids, (0, 0, tall * 0.6), (1.8, 3.2))


def person(draw: Draw) -> Scene:
    tall, wide, apart = draw(1.5, 1.92), draw(0.17, 0.24), draw(0.08, 0.2)
    hip, neck = tall * 0.48, tall * 0.83
    solids = [upright(ELLIPSOID, 0, 0, tall * 0.86, tall, 0.1, 0.08)]
    solids += [upright(ELLIPSOID, 0, 0, hip - 0.1, neck + 0.04, 0.14, wide)]
    stride = draw.random.uniform(-0.25, 0.25)
    solids += [upright(CYLINDER, s * stride / 2, s * apart, 0, hip, 0.075, 0.08) for s in (-1, 1)]
    for s in (-1, 1):
        raised = draw.maybe(0.15)
        low, high = (neck - 0.1, neck + 0.5) if raised else (tall * 0.42, neck)
        solids += [upright(ELLIPSOID, 0, s * (wide + draw(0.03, 0.12)), low, high, 0.05, 0.05)]
    return Scene(solids, (0, 0, tall * 0.55), (1.8, 5.0))


def stairs(draw: Draw) -> Scene:
    rise, tread, half = draw(0.15, 0.2), draw(0.24, 0.32), draw(0.45, 0.9)
    count = int(draw.random.integers(6, 14))
    solids = [
        upright(BOX, -(i + 0.5) * tread, 0, 0, (i + 1) * rise, tread / 2, half)
        for i in range(count)
    ]
    if draw.maybe(0.5):
        solids += [
            upright(
                CYLINDER, -(i + 0.5) * tread, half, (i + 1) * rise, (i + 1) * rise + 0.9, 0.02, 0.02
            )
            for i in range(0, count, 2)
        ]
    return Scene(solids, (-count * tread * 0.35, 0, count * rise * 0.4), (2.2, 4.5))


def corridor(draw: Draw) -> Scene:
    half, tall, length = draw(0.65, 1.2), draw(2.2, 2.9), draw(6, 16)
    solids = [upright(BOX, -length / 2, s * (half + 0.1), 0, tall, length, 0.1) for s in (-1, 1)]
    solids += [Solid(BOX, (-length / 2, 0, tall + 0.1), (length, half + 0.2, 0.1))]
    solids += [upright(BOX, -length, 0, 0, tall, 0.1, half)]
    for _ in range(draw.random.integers(1, 5)):
        side, at = draw.random.choice([-1, 1]), draw.random.uniform(-length, 0)
        solids += [upright(BOX, at, side * half, 0, 2.0, draw(0.4, 0.5), 0.05)]
    return Scene(solids, (-length, 0, 1.1), (length - 0.5, length), indoors=False, inside=True)


def room(draw: Draw) -> Scene:
    x, y, tall = draw(1.6, 3.0), draw(1.5, 3.0), draw(2.3, 3.0)
    solids = [upright(BOX, 0, s * (y + 0.1), 0, tall, x + 0.2, 0.1) for s in (-1, 1)]
    solids += [upright(BOX, s * (x + 0.1), 0, 0, tall, 0.1, y + 0.2) for s in (-1, 1)]
    solids += [Solid(BOX, (0, 0, tall + 0.1), (x + 0.2, y + 0.2, 0.1))]
    at = (-x * draw.random.uniform(0.7, 1), y * draw.random.uniform(-0.9, 0.9), draw(0.8, 1.4))
    within = (x - BEFORE_WALL_M, y - BEFORE_WALL_M)
    return Scene(solids, at, (1.7 * x, 1.9 * x), indoors=False, inside=True, within_m=within)


def doorway(draw: Draw) -> Scene:
    half, tall, wall = draw(0.36, 0.55), draw(1.9, 2.3), draw(2.0, 3.0)
    deep = draw(0.06, 0.15)
    solids = [upright(BOX, 0, s * (half + wall), 0, tall + 0.8, deep, wall) for s in (-1, 1)]
    solids += [upright(BOX, 0, 0, tall, tall + 0.8, deep, half)]
    behind = draw(1.5, 6.0)
    solids += [upright(BOX, -behind, 0, 0, 3, 0.1, 4)]
    if draw.maybe(0.5):
        solids += [Solid(BOX, (half * 0.7, half + 0.05, tall / 2), (half * 0.7, 0.02, tall / 2))]
    return Scene(solids, (0, 0, tall / 2), (1.8, 3.6), indoors=False)


def tree(draw: Draw) -> Scene:
    tall, trunk, crown = draw(2.5, 8), draw(0.08, 0.25), draw(0.8, 2.0)
    solids = [upright(CYLINDER, 0, 0, 0, tall * 0.7, trunk, trunk)]
    for _ in range(draw.random.integers(5, 14)):
        at, size = draw.random.uniform(-0.6, 0.6, 3) * crown, draw(0.25, 0.55) * crown
        centre = (at[0], at[1], tall * 0.75 + at[2])
        solids += [Solid(ELLIPSOID, centre, (size, size, size * draw(0.6, 1.0)))]
    return Scene(solids, (0, 0, tall * 0.55), (tall * 1.1, tall * 2.2), indoors=False)


def car(draw: Draw) -> Scene:
    x, y, sill, waist = draw(1.8, 2.4), draw(0.8, 0.95), draw(0.18, 0.3), draw(0.8, 0.98)
    roof, cabin = draw(1.4, 1.8), draw(0.45, 0.75)
    back = draw.random.uniform(-0.3, 0.1)
    solids = [upright(BOX, 0, 0, sill, waist, x, y)]
    solids += [upright(ELLIPSOID, back * x, 0, waist - 0.5, roof, cabin * x, y * 0.92)]
    solids += [upright(BOX, back * x, 0, waist, roof - 0.1, cabin * x * 0.7, y * 0.85)]
    wheel = draw(0.28, 0.36)
    solids += [
        Solid(CYLINDER, (i * x * 0.62, s * y, wheel), (wheel, 0.12, wheel), np.pi / 2, lying=True)
        for i in (-1, 1)
        for s in (-1, 1)
    ]
    return Scene(solids, (0, 0, 0.8), (4.0, 9.0), indoors=False)


def street(draw: Draw) -> Scene:
    half, solids = draw(4.5, 10), Solids()
    for side in (-1, 1):
        at = 6.0
        while at > -70:
            long, tall, gap = draw(5, 16), draw(4, 20), draw(0.1, 3)
            deep = half + draw(0, 1.5)
            solids += [upright(BOX, at - long / 2, side * (deep + 4), 0, tall, long / 2, 4)]
            at -= long + gap
    for _ in range(draw.random.integers(0, 5)):
        side, at = draw.random.choice([-1, 1]), draw.random.uniform(-40, 0)
        solids += [upright(BOX, at, side * half * 0.7, 0.2, 1.4, draw(1.9, 2.3), 0.85)]
    return Scene(solids, (-25, 0, 2), (24, 34), indoors=False, inside=True)


def boxes(draw: Draw) -> Scene:
    solids, top = Solids(), 0.0
    for _ in range(draw.random.integers(2, 5)):
        tall = draw(0.2, 0.5)
        for _ in range(draw.random.integers(1, 4)):
            at = draw.random.uniform(-0.45, 0.45, 2)
            turn, half = (
                draw.random.uniform(-0.4, 0.4),
                (draw(0.15, 0.35), draw(0.15, 0.35), tall / 2),
            )
            solids += [Solid(BOX, (at[0], at[1], top + tall / 2), half, turn)]
        top += tall
    return Scene(solids, (0, 0, top / 2), (1.6, 3.5))


def ball(draw: Draw) -> Scene:
    size = draw(0.1, 0.4)
    return Scene([Solid(ELLIPSOID, (0, 0, size), (size, size, size))], (0, 0, size), (0.8, 2.2))


def toilet(draw: Draw) -> Scene:
    seat, half = draw(0.36, 0.44), draw(0.17, 0.21)
    solids = [upright(CYLINDER, 0.05, 0, 0, seat * 0.6, 0.14, 0.1)]
    solids += [upright(ELLIPSOID, 0.08, 0, seat * 0.25, seat + 0.1, 0.28, half)]
    solids += [upright(CYLINDER, 0.08, 0, seat, seat + 0.04, 0.27, half)]
    solids += [upright(BOX, -0.27, 0, seat - 0.05, seat + draw(0.3, 0.45), 0.1, draw(0.18, 0.24))]
    if draw.maybe(0.3):
        solids += [upright(ELLIPSOID, -0.16, 0, seat, seat + 0.45, 0.03, half)]
    return Scene(solids, (0, 0, seat), (1.0, 2.2))


KINDS: dict[str, Callable[[Draw], Scene]] = {
    made.__name__: made
    for made in (
        *(chair, table, sofa, bed, bookshelf, lamp, person, stairs, corridor, room, doorway),
        *(tree, car, street, boxes, ball, toilet),
    )
}


def render(kind: str, random: Random, wider: float = 1.0) -> DepthMap:
    """A new instance of ``kind`` as a sensor sees it, (120, 160)."""
    draw = Draw(random, wider)
    scene = KINDS[kind](draw)
    origin, directions = camera(scene, draw)
    solids = [*scene.solids, *surroundings(scene, draw, -np.sign(origin[1]))]
    metres = cast(solids, origin, directions)
    return sensed(metres, scene, draw)


def surroundings(scene: Scene, draw: Draw, side: float) -> Solids:
    """A floor; indoors a wall behind, perhaps one at that ``side``, and a little clutter."""
    solids = [Solid(BOX, (0, 0, -0.5), (500, 500, 0.5))]
    if not scene.indoors:
        return solids
    reach = max(
        max(abs(s.centre[0]) + s.half[0], abs(s.centre[1]) + s.half[1]) for s in scene.solids
    )
    solids += [upright(BOX, -reach - draw(0.1, 2.5), 0, 0, 3, 0.05, 20)]
    if draw.maybe(0.6):
        solids += [upright(BOX, 0, side * (reach + draw(0.3, 2.5)), 0, 3, 20, 0.05)]
    for _ in range(draw.random.integers(0, 3)):
        angle, away = draw.random.uniform(0.5 * np.pi, 1.5 * np.pi), reach + draw(0.5, 1.5)
        at = (away * np.cos(angle), away * np.sin(angle))
        shape = [BOX, CYLINDER, ELLIPSOID][draw.random.integers(3)]
        solids += [upright(shape, *at, 0, draw(0.2, 1.2), draw(0.1, 0.4), draw(0.1, 0.4))]
    return solids


def camera(scene: Scene, draw: Draw) -> tuple[Doubles, Doubles]:
    """Where it is, and a direction a pixel (120, 160, 3) whose forward part is 1."""
    focus = np.array(scene.focus) + draw.random.normal(0, 0.08, 3)
    far = draw(*scene.distance_m)
    around = draw.random.uniform(-0.15, 0.15) if scene.inside else draw.random.uniform(-1.25, 1.25)
    height = (
        draw(1.0, 1.8)
        if scene.inside
        else max(focus[2] + far * draw.random.uniform(-0.1, 0.6), 0.3)
    )
    height = min(height, 2.1) if scene.indoors or scene.inside else height
    origin = np.array([focus[0] + far * np.cos(around), focus[1] + far * np.sin(around), height])
    origin[:2] = np.clip(origin[:2], np.negative(scene.within_m), scene.within_m)
    forward = (focus - origin) / np.linalg.norm(focus - origin)
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    half = np.tan(np.radians(draw(52, 72)) / 2)
    across = np.linspace(-half, half, WIDTH_PX)[None, :, None]
    along = np.linspace(-half, half, HEIGHT_PX)[:, None, None] * HEIGHT_PX / WIDTH_PX
    return origin, forward + across * right + along * down


def cast(solids: Solids, origin: Doubles, directions: Doubles) -> Doubles:
    """Distance along the camera's axis to the nearest solid, (120, 160), FAR_M where none is."""
    nearest = np.full(directions.shape[:2], FAR_M)
    for solid in solids:
        c, s = np.cos(solid.yaw), np.sin(solid.yaw)
        turn = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
        if solid.lying:
            turn = turn[[1, 2, 0]]
        half = np.array(solid.half)[[1, 2, 0]] if solid.lying else np.array(solid.half)
        start = turn @ (origin - np.array(solid.centre)) / half
        nearest = np.minimum(nearest, HITS[solid.shape](start, directions @ turn.T / half))
    return nearest


def hit_box(start: Doubles, way: Doubles) -> Doubles:
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = (-1 - start) / way, (1 - start) / way
    enters = np.nanmax(np.minimum(first, second), axis=2)
    leaves = np.nanmin(np.maximum(first, second), axis=2)
    return np.where((enters <= leaves) & (enters > 0), enters, FAR_M)


def hit_ellipsoid(start: Doubles, way: Doubles) -> Doubles:
    return roots((way**2).sum(2), way @ start, start @ start - 1)


def hit_cylinder(start: Doubles, way: Doubles) -> Doubles:
    """Its side, or one of its ends."""
    flat = way[..., :2]
    side = roots((flat**2).sum(2), flat @ start[:2], start[:2] @ start[:2] - 1)
    side = np.where(np.abs(start[2] + side * way[..., 2]) <= 1, side, FAR_M)
    with np.errstate(divide="ignore", invalid="ignore"):
        end = (np.where(start[2] > 0, 1, -1) - start[2]) / way[..., 2]
    at = start[:2] + end[..., None] * flat
    inside = (end > 0) & ((at**2).sum(2) <= 1)
    return np.minimum(side, np.where(inside, end, FAR_M))


def roots(a: Doubles, b: Doubles, c: float) -> Doubles:
    """The smaller positive solution of a t^2 + 2 b t + c = 0."""
    inner = b * b - a * c
    solution = (-b - np.sqrt(np.maximum(inner, 0))) / np.maximum(a, 1e-12)
    return np.where((inner >= 0) & (solution > 0), solution, FAR_M)


HITS = {BOX: hit_box, ELLIPSOID: hit_ellipsoid, CYLINDER: hit_cylinder}


def sensed(metres: Doubles, scene: Scene, draw: Draw) -> DepthMap:
    """Noise of a structured-light sensor (Nguyen et al. 2012: 1.2 mm + 1.9 mm (z - 0.4)^2),
    holes at edges and at random, and nothing beyond its range."""
    random = draw.random
    outdoors = not scene.indoors and metres[metres < FAR_M].max() > 12
    reach = draw(40, 120) if outdoors else draw(6, 10)
    noise = 0.0012 + 0.0019 * (np.minimum(metres, 20) - 0.4) ** 2 * draw(0.2, 1.0)
    seen = metres + noise * random.standard_normal(metres.shape)
    jump = np.zeros(metres.shape, bool)
    jump[:, 1:] |= np.abs(np.diff(metres, axis=1)) > 0.1 * metres[:, 1:]
    valid = (metres < reach) & (seen > 0.2) & ~(jump & (random.random(metres.shape) < 0.7))
    valid &= random.random(metres.shape) > draw(0, 0.08)
    for _ in range(random.integers(0, 5)):
        y, x = random.integers(0, HEIGHT_PX), random.integers(0, WIDTH_PX)
        valid[y : y + random.integers(2, 16), x : x + random.integers(2, 16)] = False
    return DepthMap(np.where(valid, seen, 0).astype(np.float32), valid)
