"""The words of a question, in whichever language it is written. Pure."""

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise

CHINESE, ENGLISH = "zh", "en"
_HAN = "\u3400-\u9fff"
_RUN = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+")
_IS_HAN = re.compile(rf"[{_HAN}]")


def plain(text: str) -> str:
    r"""As it is compared: one width, one case, one kind of apostrophe.

    >>> plain("\N{FULLWIDTH LATIN CAPITAL LETTER W}here\N{RIGHT SINGLE QUOTATION MARK}s IT?")
    "where's it?"
    """
    return unicodedata.normalize("NFKC", text).casefold().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")


def terms(text: str) -> list[str]:
    """Words; of Chinese, which has no spaces, single characters and pairs of them.

    >>> terms("Where's my order?"), terms("退货 OK")
    (['where', 's', 'my', 'order'], ['退', '货', '退货', 'ok'])
    """
    return [term for run in _RUN.findall(plain(text)) for term in _of_run(run)]


def _of_run(run: str) -> Iterator[str]:
    if not _IS_HAN.match(run):
        yield run
        return
    yield from run
    yield from (first + second for first, second in pairwise(run))


def language(text: str, otherwise: str) -> str:
    """Chinese where it holds a Chinese character; Latin letters alone are written in Chinese questions too, so they
    say nothing unless they are all there is.

    >>> language("我的 order 呢", "en"), language("my order", "zh"), language("12345?", "zh")
    ('zh', 'en', 'zh')
    """
    if _IS_HAN.search(text):
        return CHINESE
    return ENGLISH if re.search("[A-Za-z]", text) else otherwise
