"""Mail: a port, a default that writes files, and SMTP.

A mail has an identifier of ours, from which its Message-ID is made: the same mail given twice is
the same file, and the same message to whoever looks at Message-IDs.
"""

import asyncio
import smtplib
import ssl
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit
from uuid import UUID

from marketplace.kernel.limits import MAIL_SEND_SECONDS_MAX
from marketplace.platform.settings import Settings, SettingsError

PERMANENT: Final = 500
"""From here on an SMTP server means never (RFC 5321, 4.2.1)."""
PORTS: Final = {"smtp": 587, "smtps": 465, "smtp+plain": 25}


class MailRefused(Exception):
    """The server will never take this mail for this recipient: trying again is of no use."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One plain text to one recipient."""

    id: UUID
    to: str
    subject: str
    text: str


class Mailer(Protocol):
    """Delivers mail."""

    async def send(self, mail: Mail) -> None:
        """Deliver a mail; raises MailRefused where that can never be, OSError where not now."""
        ...


def message_of(mail: Mail, sender: str, domain: str) -> EmailMessage:
    """Write a mail as a message; what could end a header early becomes a space."""
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = Address(addr_spec=mail.to)
    message["Subject"] = " ".join(mail.subject.split())
    message["Message-ID"] = f"<{mail.id}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    return message


class FileMailer:
    """Writes each mail as an .eml file, which any mail program opens."""

    def __init__(self, directory: Path, sender: str) -> None:
        self._directory = directory
        self._sender = sender

    async def send(self, mail: Mail) -> None:
        """Write the file; one that is there already is the same mail."""
        await asyncio.to_thread(self._write, mail)

    def _write(self, mail: Mail) -> None:
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        written = self._directory / f"{mail.id}.new"
        written.write_bytes(bytes(message_of(mail, self._sender, "localhost")))
        written.rename(self._directory / f"{mail.id}.eml")


class SmtpMailer:
    """Hands mail to a server: ``smtp://`` with STARTTLS, ``smtps://``, ``smtp+plain://`` bare.

    Raises SettingsError for an address of another form.
    """

    def __init__(self, url: str, sender: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in PORTS or not parts.hostname:
            raise SettingsError(
                "MARKETPLACE_SMTP_URL is smtp://, smtps:// or smtp+plain:// with a host; for "
                "example smtp://user:password@mail.example.com:587"
            )
        self._scheme, self._host = parts.scheme, parts.hostname
        self._port = parts.port or PORTS[parts.scheme]
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._sender = sender

    async def send(self, mail: Mail) -> None:
        """Hand the mail over, beside the event loop."""
        await asyncio.to_thread(self._send, mail)

    def _send(self, mail: Mail) -> None:
        message = message_of(mail, self._sender, self._sender.rsplit("@", 1)[-1].rstrip(">"))
        try:
            with self._connected() as server:
                if self._scheme == "smtp":
                    server.starttls(context=ssl.create_default_context())
                if self._user:
                    server.login(self._user, self._password)
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as refused:
            code = next(iter(refused.recipients.values()))[0]
            if code >= PERMANENT:
                raise MailRefused(f"The server refuses the recipient: {code}.") from None
            raise

    def _connected(self) -> smtplib.SMTP:
        if self._scheme == "smtps":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(
                self._host, self._port, timeout=MAIL_SEND_SECONDS_MAX, context=context
            )
        return smtplib.SMTP(self._host, self._port, timeout=MAIL_SEND_SECONDS_MAX)


def mailer_of(settings: Settings) -> Mailer:
    """Give the mailer the settings ask for: files without a server."""
    if settings.smtp_url is None:
        return FileMailer(settings.data_directory / "mail", settings.mail_from)
    return SmtpMailer(settings.smtp_url, settings.mail_from)
