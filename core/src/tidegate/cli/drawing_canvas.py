"""Shapes of an SVG, and scales from amounts to places on it. Knows nothing of rollouts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil
from xml.sax.saxutils import escape, quoteattr

CHARACTER = 6.3  # width of a character of the small text, in user units; measured on common sans-serif fonts


Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight line from values `low`..`high` to coordinates `start`..`end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The coordinate of a value, rounded to what a screen can show."""
        width = self.high - self.low
        part = (value - self.low) / width if width else 0.0
        return round(self.start + part * (self.end - self.start), 2)


@dataclass(slots=True)
class Canvas:
    """Shapes so far, in the order in which they are painted."""

    parts: list[str] = field(default_factory=list)

    def add(self, tag: str, text: str = "", **attributes: object) -> None:
        """One element; `text` is its content as text. An underscore in an attribute's name stands for a dash."""
        named = "".join(
            f" {key.strip('_').replace('_', '-')}={quoteattr(str(value))}" for key, value in attributes.items()
        )
        self.parts.append(f"<{tag}{named}>{escape(text)}</{tag}>" if text else f"<{tag}{named}/>")

    def text(self, x: float, y: float, text: str, *, style: str = "", anchor: str = "start") -> None:
        """A line of text; `anchor` is start, middle or end."""
        self.add("text", text, x=round(x, 2), y=round(y, 2), class_=style or "small", text_anchor=anchor)

    def line(self, x1: float, y1: float, x2: float, y2: float, style: str) -> None:
        """A straight line."""
        self.add("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=style)

    def box(self, x: float, y: float, width: float, height: float, style: str, hint: str = "") -> None:
        """A rectangle; `hint` is shown when a pointer rests on it."""
        title = f"<title>{escape(hint)}</title>" if hint else ""
        place = f'x="{x}" y="{y}" width="{round(max(width, 0), 2)}" height="{height}"'
        self.parts.append(
            f'<rect {place} class="{style}">{title}</rect>' if title else f'<rect {place} class="{style}"/>'
        )

    def curve(self, points: Points, style: str, series: str, *, hidden: float | None = None) -> None:
        """A line that moves in steps through (x, y), held from each point to the next; not drawn while it is at `hidden`."""
        drawn = [f"M{points[0][0]} {points[0][1]}"]
        for (_, y), (next_x, next_y) in pairwise(points):
            drawn.append(f"M{next_x} {y}V{next_y}" if y == hidden else f"H{next_x}V{next_y}")
        self.add("path", d="".join(drawn), class_=style, data_series=series)

    def area(self, points: Points, floor: float, style: str) -> None:
        """What lies between such a line and `floor`."""
        drawn = "".join(f"H{x}V{y}" for x, y in points[1:])
        self.add("path", d=f"M{points[0][0]} {points[0][1]}{drawn}V{floor}H{points[0][0]}Z", class_=style)


def fits(text: str, width: float) -> bool:
    """Whether a small text has room in so many units."""
    return len(text) * CHARACTER + 6 <= width


def count_ticks(most: int) -> Iterable[int]:
    """Whole numbers from 0 to at least `most`, at most seven of them."""
    bases = (base * 10**power for power in range(10) for base in (1, 2, 5))
    step = next(base for base in bases if most / base <= 6)
    return range(0, ceil(most / step) * step + 1, step)


def wrapped(text: str, most: int) -> list[str]:
    """A text in lines of at most `most` characters, broken between words."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".lstrip()
        if len(longer) > most and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
