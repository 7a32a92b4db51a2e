"""In which language somebody reads these pages: the one they switched to on this device, else the first of their
browser's that is there."""

from flask import request

from aircue_cloud import texts

COOKIE = "aircue-language"


def wanted() -> str:
    cookie = request.cookies.get(COOKIE, "")
    return cookie if cookie in texts.LANGUAGES else preferred(request.headers.get("Accept-Language", ""))


def preferred(accepted: str) -> str:
    """The first language of an Accept-Language header, by its weights, that is there; English where none is.

    >>> preferred("zh-CN,zh;q=0.9,en;q=0.5"), preferred("fr, en;q=0.1"), preferred("xx;q=oops, zh;q=0"), preferred("")
    ('zh', 'en', 'en', 'en')
    """
    weighed = sorted((_weighed(part) for part in accepted.split(",")[:20]), key=lambda one: -one[0])
    found = (name.split("-")[0] for weight, name in weighed if weight > 0)
    return next((name for name in found if name in texts.LANGUAGES), texts.ENGLISH)


def _weighed(part: str) -> tuple[float, str]:
    name, _, weight = part.strip().lower().partition(";q=")
    try:
        return (float(weight) if weight else 1.0), name
    except ValueError:
        return 0.0, name
