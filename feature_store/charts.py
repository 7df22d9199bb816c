"""Charts as values: what is to be drawn, whoever draws it, on paper or in a browser."""

from dataclasses import dataclass
from enum import StrEnum

Number = float | None
"""A point that is not there breaks its line."""


class Colour(StrEnum):
    """Colours that people tell apart who see no red, no green or no blue, and in grey.

    Source: M. Okabe, K. Ito, "Color Universal Design", jfly.uni-koeln.de/color (2008).
    """

    BLACK = "#000000"
    BLUE = "#0072B2"
    VERMILION = "#D55E00"
    GREEN = "#009E73"
    PURPLE = "#CC79A7"
    ORANGE = "#E69F00"
    SKY = "#56B4E9"


class Shape(StrEnum):
    """How a line's points are marked, so that no line is known by its colour alone."""

    NONE = "none"
    CIRCLE = "circle"
    SQUARE = "square"
    DIAMOND = "diamond"
    TRIANGLE = "triangle"
    CROSS = "cross"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Points that belong together.

    Attributes:
        name: What the legend says; "" for a line that it leaves out.
        xs: Where, in the panel's units.
        ys: As many.
        notes: As many texts, shown at a point that is pointed at; none for nothing.
        lows: Lower ends of intervals around the points; none for no intervals.
        highs: Their upper ends.
        is_dashed: Drawn in dashes.
        is_joined: A line joins the points.
    """

    name: str
    xs: tuple[float, ...]
    ys: tuple[Number, ...]
    colour: Colour
    shape: Shape = Shape.CIRCLE
    notes: tuple[str, ...] = ()
    lows: tuple[float, ...] = ()
    highs: tuple[float, ...] = ()
    is_dashed: bool = False
    is_joined: bool = True

    def __post_init__(self) -> None:
        lengths = {len(part) for part in (self.ys, self.notes, self.lows, self.highs) if part}
        if lengths - {len(self.xs)}:
            raise ValueError(f"line {self.name} has {len(self.xs)} points and parts of other lengths")


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One pair of axes.

    Attributes:
        title: What is to be seen.
        y_label: What is measured, with its unit.
        height: Relative to other panels.
        y_range: Lowest and highest of the axis; None leaves either to the drawer.
        level: A line across at this height, and what it means.
        ticks: Places along x that have names; none leaves them to the drawer.
        x_label: What is along x, where panels differ in it.
    """

    title: str
    y_label: str
    lines: tuple[Line, ...]
    height: float = 1.0
    y_range: tuple[Number, Number] = (None, None)
    level: tuple[float, str] | None = None
    ticks: tuple[tuple[float, str], ...] = ()
    x_label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something that happened: a line through all panels, with a number that a list explains.

    Attributes:
        x: Where along it.
        when: As the list says it, such as +00:00:12.
    """

    x: float
    when: str
    text: str
    colour: Colour = Colour.BLACK


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Panels one below the other that share their x.

    Attributes:
        title: What is shown.
        subtitle: How to read it, as a sentence.
        x_range: Of all panels; None leaves it to the drawer.
    """

    title: str
    subtitle: str
    panels: tuple[Panel, ...]
    marks: tuple[Mark, ...] = ()
    x_label: str = ""
    x_range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not self.panels:
            raise ValueError("a chart has no panel, expected at least one")


_NEAR = 0.02
"""Of the chart's width: marks that are nearer share one number's place."""


def gathered(marks: tuple[Mark, ...], width: float) -> list[tuple[float, str]]:
    """Return where along x which numbers of marks stand, so that none hides another.

    >>> def mark(x): return Mark(x=x, when="", text="")
    >>> gathered((mark(0), mark(5), mark(5.1), mark(5.2), mark(90)), width=100)
    [(0, '1'), (5, '2-4'), (90, '5')]
    """
    groups: list[list[int]] = []
    for number, mark in enumerate(marks, start=1):
        # The numbers themselves take room, the more of them the more.
        if groups and mark.x - marks[groups[-1][0] - 1].x < _NEAR * width * (1 + min(len(groups[-1]), 2) / 2):
            groups[-1].append(number)
        else:
            groups.append([number])
    return [
        (marks[group[0] - 1].x, str(group[0]) if len(group) == 1 else f"{group[0]}-{group[-1]}")
        for group in groups
    ]
