"""Where homes are, as SVG: areas of some ten kilometres on a plain grid of degrees, no tiles. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from math import cos, radians, sqrt

from markupsafe import Markup

WIDTH, HEIGHT, EDGE = 640, 320, 24
_LEAST_DEGREES = 0.5
Place = tuple[float, float]  # latitude, longitude


def place(area: str | None) -> Place | None:
    """An area as sites name it; None for none.

    >>> place("51.5,-0.1"), place(None)
    ((51.5, -0.1), None)
    """
    if not area:
        return None
    latitude, longitude = area.split(",")
    return float(latitude), float(longitude)


def svg(areas: Iterable[str | None]) -> Markup:
    """A circle for each area, by how many homes are there; nothing where no home says where it is."""
    counted = Counter(found for area in areas if (found := place(area)) is not None)
    if not counted:
        return Markup("")
    scale = _Scale(list(counted))
    circles = [_circle(scale, at, homes) for at, homes in sorted(counted.items())]
    label = f"Map: {sum(counted.values())} homes in {len(counted)} areas; the table below names each"
    frame = Markup('<svg class="map" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>')
    return frame.format(WIDTH, HEIGHT, label, Markup("").join((*scale.grid(), *circles)))


class _Scale:
    """Degrees to pixels, as long to the north as to the east in the middle."""

    def __init__(self, places: Sequence[Place]) -> None:
        north, south = max(at[0] for at in places), min(at[0] for at in places)
        east, west = max(at[1] for at in places), min(at[1] for at in places)
        self._middle = (north + south) / 2, (east + west) / 2
        self._narrow = max(cos(radians(self._middle[0])), 0.01)
        high = max(north - south, _LEAST_DEGREES)
        wide = max((east - west) * self._narrow, _LEAST_DEGREES)
        self._pixels = min((HEIGHT - 2 * EDGE) / high, (WIDTH - 2 * EDGE) / wide)

    def x(self, longitude: float) -> float:
        return WIDTH / 2 + (longitude - self._middle[1]) * self._narrow * self._pixels

    def y(self, latitude: float) -> float:
        return HEIGHT / 2 - (latitude - self._middle[0]) * self._pixels

    def grid(self) -> Iterable[Markup]:
        step = next((each for each in (0.1, 0.5, 1, 5, 10, 30) if each * self._pixels >= 60), 90)
        for longitude in self._round(self._middle[1], WIDTH / self._narrow, step):
            line = Markup(
                '<line class="grid" x1="{0:.1f}" x2="{0:.1f}" y1="0" y2="{1}"/><text x="{0:.1f}" y="{1}">{2}</text>'
            )
            yield line.format(self.x(longitude), HEIGHT, _degrees(longitude, "E", "W"))
        for latitude in self._round(self._middle[0], HEIGHT, step):
            line = Markup(
                '<line class="grid" x1="0" x2="{1}" y1="{0:.1f}" y2="{0:.1f}"/><text x="2" y="{0:.1f}">{2}</text>'
            )
            yield line.format(self.y(latitude), WIDTH, _degrees(latitude, "N", "S"))

    def _round(self, middle: float, pixels: float, step: float) -> Iterable[float]:
        reach = int(pixels / 2 / self._pixels / step)
        return (round(middle / step + number) * step for number in range(-reach, reach + 1))


def _circle(scale: _Scale, at: Place, homes: int) -> Markup:
    words = f"{homes} {'home' if homes == 1 else 'homes'} around {at[0]:g}, {at[1]:g}"
    size = min(5 + 2 * sqrt(homes), 24)
    circle = Markup('<circle cx="{:.1f}" cy="{:.1f}" r="{:.1f}"><title>{}</title></circle>')
    return circle.format(scale.x(at[1]), scale.y(at[0]), size, words)


def _degrees(value: float, positive: str, negative: str) -> str:
    return f"{abs(value):g}°{positive if value >= 0 else negative}"
