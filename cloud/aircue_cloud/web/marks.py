"""What all charts share: numbers as SVG writes them, and the drawing that holds the marks. Pure."""

from collections.abc import Iterable

from markupsafe import Markup


def percent(number: float) -> str:
    return f"{number:.2f}"


def pixels(number: float) -> str:
    return f"{number:.1f}"


def anchor(x: float) -> str:
    """Of a text at x percent of the width: at the ends it stays inside."""
    return "start" if x < 6 else "end" if x > 94 else "middle"


def drawing(label: str, height: int, marks: Iterable[Markup]) -> Markup:
    """label: for those who do not see it."""
    frame = Markup('<svg class="chart" width="100%" height="{}" role="img" aria-label="{}">{}</svg>')
    return frame.format(height, label, Markup("").join(marks))


def upright(x: float, height: int) -> Markup:
    """The line where nothing is different."""
    return Markup('<line class="zero" x1="{0}%" x2="{0}%" y1="0" y2="{1}"/>').format(percent(x), height)
