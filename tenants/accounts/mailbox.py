"""A mail box in a folder, for an installation without a mail server; `/dev/mail` reads it."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from anneal.kernel import clock
from anneal.kernel.ids import uuid7

KEPT: Final = 200
"""Older mails are removed: this is a drawer, not an archive."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail as it was sent."""

    id: str
    sent_at: str
    sender: str
    to: list[str]
    subject: str
    text: str


class MailboxBackend(BaseEmailBackend):
    """Writes each mail as a JSON file, newest name last."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Store the mails and return how many."""
        folder = _folder()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for message in email_messages:
            mail = Mail(
                id=uuid7().hex,
                sent_at=clock.now().isoformat(),
                sender=message.from_email,
                to=list(message.to),
                subject=str(message.subject),
                text=str(message.body),
            )
            # Renamed into place, so that a reader never meets half a mail.
            draft = folder / f".{mail.id}"
            draft.write_text(json.dumps(asdict(mail), ensure_ascii=False), encoding="utf-8")
            draft.chmod(0o600)
            os.replace(draft, folder / f"{mail.id}.json")
        for old in sorted(folder.glob("*.json"))[:-KEPT]:
            old.unlink(missing_ok=True)
        return len(email_messages)


def mails_read(*, to: str | None = None, limit: int = 50) -> list[Mail]:
    """Return the newest mails first, all or those to one address."""
    found: list[Mail] = []
    for path in sorted(_folder().glob("*.json"), reverse=True):
        mail = Mail(**json.loads(path.read_text(encoding="utf-8")))
        if to is None or to.lower() in [address.lower() for address in mail.to]:
            found.append(mail)
        if len(found) == limit:
            break
    return found


def _folder() -> Path:
    return Path(settings.ANNEAL_HOME) / "mail"
