"""How a conversation stands, and what leads from one state to the next. Pure.

bot       the bot answers
waiting   the shopper asked for a person: nobody has taken it yet, and the bot is silent
open      a person has taken it over, and the bot is silent
solved    done; what the shopper says next begins with the bot again
"""

from collections.abc import Mapping

BOT, WAITING, OPEN, SOLVED = "bot", "waiting", "open", "solved"
STATES = (WAITING, OPEN, BOT, SOLVED)  # in the order in which people look at them

ASK, TAKE, HAND_BACK, SOLVE, SAY = "ask-person", "take", "hand-back", "solve", "say"

AFTER: Mapping[tuple[str, str], str] = {
    (BOT, ASK): WAITING,
    (BOT, TAKE): OPEN,
    (WAITING, TAKE): OPEN,
    (BOT, SOLVE): SOLVED,
    (WAITING, SOLVE): SOLVED,
    (OPEN, SOLVE): SOLVED,
    (WAITING, HAND_BACK): BOT,
    (OPEN, HAND_BACK): BOT,
    (SOLVED, ASK): WAITING,
    (SOLVED, SAY): BOT,
    (BOT, SAY): BOT,
    (WAITING, SAY): WAITING,
    (OPEN, SAY): OPEN,
}


def after(state: str, act: str) -> str | None:
    """None where this cannot be done in that state.

    >>> after("waiting", "take"), after("solved", "say"), after("open", "take") is None
    ('open', 'bot', True)
    """
    return AFTER.get((state, act))


def bot_speaks(state: str) -> bool:
    return state == BOT
