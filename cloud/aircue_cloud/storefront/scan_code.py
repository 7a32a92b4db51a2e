"""A code to scan, for ways of paying that begin in a phone's own program."""

from urllib.parse import urlsplit

import segno
from markupsafe import Markup

_PIXELS, _QUIET = 5, 4  # of a module; modules of the margin, as ISO/IEC 18004 wants it
_OF_BROWSERS = ("http", "https", "")


def drawn(address: str | None) -> Markup | None:
    """None where a browser opens the address by itself, or there is none."""
    if not address or urlsplit(address).scheme in _OF_BROWSERS:
        return None
    code = segno.make_qr(address, error="m")
    return Markup(code.svg_inline(scale=_PIXELS, border=_QUIET, light="#fff", svgclass="scan"))
