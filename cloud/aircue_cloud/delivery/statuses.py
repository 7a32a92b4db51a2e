"""What the status of an HTTP answer says about a notice that was posted."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from aircue_cloud.delivery.channel import Failed, Gone, Handed, Refused, Result, Unknown
from aircue_cloud.delivery.endpoints import Answered, NoAnswer, NotReached, Unsafe

GONE = (404, 410)
_LONGEST_WAIT_S = 86_400


def result(answer: Answered, refusing: tuple[int, ...] = ()) -> Result:
    """refusing: statuses by which this kind of receiver says that it will never take the notice."""
    detail = f"status {answer.status}"
    if 200 <= answer.status < 300:
        return Handed(detail=detail)
    if answer.status in GONE:
        return Gone(detail=detail)
    if 300 <= answer.status < 400 or answer.status in refusing:
        return Refused(detail=detail)
    return Failed(detail=detail, wait=_wait(answer.headers))


def _wait(headers: Mapping[str, str]) -> timedelta | None:
    """Of Retry-After in seconds; a date is not worth its parser, and left to the usual pause."""
    text = headers.get("retry-after", "")
    return timedelta(seconds=min(int(text), _LONGEST_WAIT_S)) if text.isascii() and text.isdigit() else None


def posted(post: Callable[[], Answered], refusing: tuple[int, ...] = ()) -> Result:
    """The result of a post through endpoints.Gate."""
    try:
        return result(post(), refusing)
    except Unsafe as reason:
        return Refused(detail=f"the endpoint is refused: {reason}")
    except NotReached as reason:
        return Failed(detail=f"not reached: {reason}")
    except NoAnswer as reason:
        return Unknown(detail=f"no answer: {reason}")
