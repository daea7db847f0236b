"""Where alerts go: the log, a webhook that understands Slack's messages, mail. Each takes a message or raises.

What does not belong here: what is told and when (alerting).
"""

from __future__ import annotations

import logging
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

import httpx

from cryptoflow.errors import TransientError, UsageError
from cryptoflow.settings import Settings

logger = logging.getLogger("cryptoflow.alerts")

# A sensor has a minute for everything.
TIMEOUT_SECONDS: Final = 8.0
_DEFAULT_PORTS: Final = {"smtp": 587, "smtps": 465}


class SinkFailed(TransientError):
    """The message was not taken; it is tried again at the next look."""


class Sink(Protocol):
    """Something that takes messages."""

    @property
    def name(self) -> str: ...

    def send(self, headline: str, text: str) -> None: ...


@dataclass(frozen=True, slots=True)
class LogSink:
    """The log of the process that looks: logs/code-server.log on a platform."""

    name: str = "log"

    def send(self, headline: str, text: str) -> None:
        """Write it down."""
        logger.warning("%s\n%s", headline, text)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSink:
    """A URL that takes `{"text": ...}`: Slack, Mattermost, Rocket.Chat, Discord's `/slack`."""

    url: str = field(repr=False)
    name: str = "webhook"

    def send(self, headline: str, text: str) -> None:
        """Post it."""
        try:
            answer = httpx.post(self.url, json={"text": f"*{headline}*\n{text}"}, timeout=TIMEOUT_SECONDS)
        except httpx.HTTPError as error:
            # Without the URL, which is a secret.
            raise _failed(self.name, type(error).__name__, setting="CRYPTOFLOW_ALERT_WEBHOOK_URL") from None
        if not answer.is_success:
            raise _failed(self.name, f"HTTP {answer.status_code}", setting="CRYPTOFLOW_ALERT_WEBHOOK_URL")


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSink:
    """Mail by SMTP; encrypted from the start (`smtps`), or as soon as the server offers it (`smtp`)."""

    host: str
    port: int
    encrypted: bool
    user: str | None
    password: str | None = field(repr=False)
    sender: str
    recipients: Sequence[str]
    name: str = "mail"

    def send(self, headline: str, text: str) -> None:
        """Hand it to the server."""
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = headline, self.sender, ", ".join(self.recipients)
        mail["Date"], mail["Message-ID"] = formatdate(), make_msgid(domain="cryptoflow")
        mail.set_content(text)
        try:
            with self._connected() as server:
                server.send_message(mail)
        except (OSError, smtplib.SMTPException) as error:
            raise _failed(self.name, str(error) or type(error).__name__, setting="CRYPTOFLOW_ALERT_SMTP_URL") from None

    def _connected(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self.encrypted:
            server: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT_SECONDS, context=context)
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_SECONDS)
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=context)
        if self.user and self.password:
            server.login(self.user, self.password)
        return server


def sinks_of(settings: Settings) -> list[Sink]:
    """Every sink that the settings name; the log always."""
    sinks: list[Sink] = [LogSink()]
    if settings.alert_webhook_url is not None:
        sinks.append(WebhookSink(url=settings.alert_webhook_url.get_secret_value()))
    if settings.alert_smtp_url is not None:
        sinks.append(_mail_sink(settings, settings.alert_smtp_url.get_secret_value()))
    return sinks


def _mail_sink(settings: Settings, url: str) -> MailSink:
    recipients = [address.strip() for address in settings.alert_mail_to.split(",") if address.strip()]
    if not recipients or not settings.alert_mail_from:
        raise UsageError(
            "CRYPTOFLOW_ALERT_SMTP_URL is set, but not who writes to whom.",
            cure="Set CRYPTOFLOW_ALERT_MAIL_FROM and CRYPTOFLOW_ALERT_MAIL_TO, or unset the URL.",
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or _DEFAULT_PORTS[parts.scheme]
    except (ValueError, KeyError):
        host = None
    if not host:
        raise UsageError(
            "CRYPTOFLOW_ALERT_SMTP_URL is not an SMTP URL.",
            cure="Write smtp://user:password@host:587 or smtps://user:password@host:465, the password percent-encoded.",
        )
    return MailSink(
        host=host,
        port=port,
        encrypted=parts.scheme == "smtps",
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        sender=settings.alert_mail_from,
        recipients=recipients,
    )


def _failed(sink: str, reason: str, *, setting: str) -> SinkFailed:
    return SinkFailed(
        f"The alert was not taken by the {sink} sink: {reason}.",
        cure=f"It is tried again every minute. Check {setting}; `cryptoflow alerts test` tries it now.",
    )
