"""E-mail through an SMTP server, with a one-click way out (RFC 8058): at most once.

What fails before the server is sent the message has failed for certain; one that breaks while the message is
under way leaves open whether it arrived.
"""

import re
import smtplib
import ssl
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address as Mailbox
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape

from aircue_cloud.config import is_loopback
from aircue_cloud.delivery.channel import AT_MOST_ONCE, Address, Failed, Gone, Handed, Refused, Result, Unknown
from aircue_cloud.delivery.notice import LABELS, Notice, plain
from aircue_cloud.errors import SettingsError

SECURITY = ("starttls", "tls", "none")
# One @, no spaces, quotes, brackets or control characters: what shops know as an address, not all of RFC 5321.
_MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
_NOBODY = (550, 551, 553)  # of RCPT: there is no such mailbox


@dataclass(frozen=True, kw_only=True)
class EmailSettings:
    """[delivery.email]. sender: the address that mail comes from. security: starttls, tls, or none for loopback."""

    host: str
    port: int = 587
    user: str = ""
    password: str = field(default="", repr=False)
    sender: str
    sender_name: str = "Aircue"
    security: str = "starttls"
    timeout_s: float = 10.0


def check(settings: EmailSettings, where: str) -> None:
    """SettingsError where mail could not be sent by these."""
    if settings.security not in SECURITY:
        raise SettingsError(f"{where}: key 'security' is {settings.security!r}, expected {', '.join(SECURITY)}")
    if settings.security == "none" and not is_loopback(settings.host):
        raise SettingsError(f"{where}: key 'security' is 'none', which is for a server on this machine alone")
    if not _MAILBOX.fullmatch(settings.sender):
        raise SettingsError(f"{where}: key 'sender' is {settings.sender!r}, expected NAME@DOMAIN")


@dataclass(frozen=True, kw_only=True)
class EmailChannel:
    settings: EmailSettings
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    name: str = "email"
    guarantee: str = AT_MOST_ONCE

    def amiss(self, address: Address) -> str | None:
        if set(address) != {"email"} or not isinstance(address["email"], str):
            return "expected email"
        return None if _MAILBOX.fullmatch(address["email"]) else "email: expected NAME@DOMAIN"

    def hand_over(self, notice: Notice, address: Address, now: datetime) -> Result:
        if self.amiss(address) is not None:
            return Refused(detail="the address is no mailbox")
        try:
            message = letter(self.settings, notice, address["email"], now)
        except ValueError:  # a line break in a header: somebody tried to write headers of their own
            return Refused(detail="a header would break over lines")
        return self._sent(message, address["email"])

    def _sent(self, message: EmailMessage, to: str) -> Result:
        under_way = False
        try:
            with self._connected() as server:
                server.ehlo_or_helo_if_needed()
                server.mail(self.settings.sender)
                code, _ = server.rcpt(to)
                if code not in (250, 251):
                    return _not_taken(code)
                under_way = True
                code, _ = server.data(message.as_bytes(policy=SMTP))
                return Handed(detail=f"status {code}") if code == 250 else _not_taken(code, to_somebody=True)
        except smtplib.SMTPResponseException as error:
            return _not_taken(error.smtp_code, to_somebody=True)
        except (OSError, smtplib.SMTPException) as error:
            detail = type(error).__name__
            return Unknown(detail=detail) if under_way else Failed(detail=detail)

    def _connected(self) -> smtplib.SMTP:
        one = self.settings
        if one.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(one.host, one.port, timeout=one.timeout_s, context=self.tls)
        else:
            server = smtplib.SMTP(one.host, one.port, timeout=one.timeout_s)
        try:
            if one.security == "starttls":
                server.starttls(context=self.tls)
            if one.user:
                server.login(one.user, one.password)
        except BaseException:
            server.close()
            raise
        return server

    def close(self) -> None:
        pass


def _not_taken(code: int, *, to_somebody: bool = False) -> Result:
    detail = f"status {code}"
    if code in _NOBODY and not to_somebody:
        return Gone(detail=detail)
    return Refused(detail=detail) if code >= 500 else Failed(detail=detail)


def letter(settings: EmailSettings, notice: Notice, to: str, now: datetime) -> EmailMessage:
    """ValueError where a header would break over lines."""
    message = EmailMessage(policy=SMTP)
    user, _, domain = settings.sender.partition("@")
    message["From"] = Mailbox(settings.sender_name, user, domain)
    message["To"] = to
    message["Subject"] = notice.title
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{notice.id}@{domain}>"
    message["List-Unsubscribe"] = f"<{notice.unsubscribe}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(plain(notice))
    message.add_alternative(_html(notice), subtype="html")
    return message


def _html(notice: Notice) -> str:
    links = "".join(f'<p><a href="{escape(url)}">{LABELS[name]}</a></p>' for name, url in notice.links.items())
    end = f'<p><a href="{escape(notice.unsubscribe)}">Stop these messages</a></p>'
    words = "".join(f"<p>{escape(one)}</p>" for one in (notice.text, notice.reason))
    return f"<!doctype html><title>{escape(notice.title)}</title><h1>{escape(notice.title)}</h1>{words}{links}{end}"
