"""The log channel: one line in the server's log for each push, at most once: a crash before the line leaves none."""

import logging

from aircue_cloud.delivery.inbox import Push

log = logging.getLogger("aircue.push")


def send(push: Push) -> None:
    message = push.message
    log.info("%s to %s: %s %s (%s)", push.id, push.household, message.title, message.text, message.reason)
