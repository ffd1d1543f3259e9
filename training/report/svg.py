"""Plots as SVG in the page's own colours: no script, sharp on paper, light or dark with the page.

A plot is text with classes that page.css gives colours to. Data run from 0 to 1 on both axes unless
a range is given.
"""

from collections.abc import Sequence
from html import escape

Points = Sequence[Sequence[float]]

SIDE = 200  # of the square plots, in the SVG's own units
LEFT, BOTTOM, TOP, RIGHT = 34, 34, 8, 10


def square(body: str, *, x: str, y: str, label: str) -> str:
    """A square plot with both axes from 0 to 1; `label` is read to those who do not see it."""
    ticks = []
    for value in (0, 0.25, 0.5, 0.75, 1):
        h, v = _x(value), _y(value)
        ticks.append(f'<path class="grid" d="M{h} {_y(0)}V{_y(1)}M{_x(0)} {v}H{_x(1)}"/>')
        if value in (0, 0.5, 1):
            ticks.append(f'<text x="{h}" y="{_y(0) + 13}" text-anchor="middle">{value:g}</text>')
            ticks.append(f'<text x="{LEFT - 5}" y="{v + 4}" text-anchor="end">{value:g}</text>')
    middle = TOP + SIDE / 2
    return (
        f'<svg role="img" viewBox="0 0 {LEFT + SIDE + RIGHT} {TOP + SIDE + BOTTOM}">'
        f"<title>{escape(label)}</title>{''.join(ticks)}{body}"
        f'<g text-anchor="middle"><text x="{LEFT + SIDE / 2}" y="{TOP + SIDE + 28}">{escape(x)}'
        f'</text><text transform="translate(9 {middle})rotate(-90)">{escape(y)}</text></g>'
        "</svg>"
    )


def line(points: Points, kind: str) -> str:
    """A line through points [x, y] of the class `kind`."""
    path = "L".join(f"{_x(x)} {_y(y)}" for x, y in points)
    return f'<path class="{kind}" d="M{path}"/>'


def steps(points: Points, kind: str) -> str:
    """Points [x, y] joined by steps that keep each y up to its x: straight lines would flatter."""
    stepped: list[Sequence[float]] = []
    for x, y in points:
        if stepped:
            stepped.append((stepped[-1][0], y))
        stepped.append((x, y))
    return line(stepped, kind)


def dots(points: Points, titles: Sequence[str]) -> str:
    """A dot at each [x, y] with a title."""
    return "".join(
        f'<circle class="dot" cx="{_x(x)}" cy="{_y(y)}" r="3"><title>{escape(title)}</title>'
        "</circle>"
        for (x, y), title in zip(points, titles, strict=True)
    )


def whisker(
    value: Sequence[float | None] | None, *, low: float, high: float, mark: float | None
) -> str:
    """A number's interval as a line with a dot, on a scale from low to high with a mark on it."""
    if value is None or value[0] is None:
        return ""
    middle, left, right = (_along(v if v is not None else value[0], low, high) for v in value)
    across = "" if mark is None else f'<path class="mark" d="M{_along(mark, low, high)} 0V12"/>'
    return (
        '<svg class="whisker" aria-hidden="true" viewBox="0 0 100 12">'
        f'<path class="grid" d="M0 6H100"/>{across}'
        f'<path class="whisk" d="M{left} 6H{right}"/>'
        f'<circle class="dot" cx="{middle}" cy="6" r="3"/>'
        "</svg>"
    )


def _along(value: float | None, low: float, high: float) -> float:
    share = ((value if value is not None else low) - low) / (high - low)
    return round(2 + 96 * min(max(share, 0.0), 1.0), 1)


def _x(value: float) -> float:
    return round(LEFT + SIDE * value, 1)


def _y(value: float) -> float:
    return round(TOP + SIDE * (1 - value), 1)
