"""The log channel: one line in the server's log for each push, at most once: a crash before the line leaves none."""

import logging

from aircue_cloud.delivery.inbox import Push

log = logging.getLogger("aircue.push")


def send(push: Push) -> None:
    """Names nobody: a log is kept where no erasure reaches."""
    log.info("push %s: %s for %s", push.id, push.product, push.need)
