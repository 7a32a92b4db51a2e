"""Sentences for simulated ratings: an opening that fits the stars, then what was good or bad about such a thing."""

import numpy as np

_AIR = (
    ("it is quiet enough to sleep beside", "the room felt better the same evening", "the controls explain themselves"),
    ("it hums louder than promised", "it does little for the room", "the buttons make no sense"),
)
_HOME = (
    ("it feels well made", "the material is lovely", "it looks better than in the picture"),
    ("the seams gave way after a week", "it feels thin", "the colour is nothing like the picture"),
)
_SHOP = (
    ("it does exactly what it says", "it was worth the price", "it came quickly and well packed"),
    ("it costs more than it is worth", "it arrived damaged", "it is smaller than I thought"),
)
_GROUPS = {
    **dict.fromkeys(("dehumidifier", "dryer", "humidifier", "fan", "air-conditioner", "heater"), _AIR),
    **dict.fromkeys(("ventilator", "air-purifier"), _AIR),
    **dict.fromkeys(("bedding", "towels", "clothing", "bags", "umbrella", "lighting"), _HOME),
}
# {good} and {bad} are filled from the product's group.
OPENINGS = {
    5: ("Delighted: {good}.", "I would buy it again tomorrow, {good}.", "Perfect, {good}."),
    4: ("Good: {good}.", "Happy with it, {good}.", "Solid choice, {good}."),
    3: ("All right: {good}, but {bad}.", "So-so: {good}, yet {bad}.", "It will do, though {bad}."),
    2: ("Disappointed: {bad}.", "Not for me, {bad}.", "I expected more, {bad}."),
    1: ("Sent it back: {bad}.", "A waste of money, {bad}.", "Avoid: {bad}."),
}


def sentence(stars: int, category: str, rng: np.random.Generator) -> str:
    """A sentence of somebody who gave 1..5 stars to a product of a category. Simulated."""
    goods, bads = _GROUPS.get(category, _SHOP)
    opening = OPENINGS[stars][rng.integers(len(OPENINGS[stars]))]
    return opening.format(good=goods[rng.integers(len(goods))], bad=bads[rng.integers(len(bads))])
