"""What a stream with an Idempotency-Key began with: resumed, it goes on with the same.

Its parts are kept for a day, so a call that resumes it after a promotion would join answers of two
models, or of two sets of names and rules, in one list.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Final

from anneal.kernel import clock
from anneal.kernel.scopes import OrganizationRef, require_scope
from mlworker.serving.contracts import OutputInfo, RuleInfo
from mlworker.serving.models import StreamPin

KEPT: Final = timedelta(hours=25)
"""The day of its last part, which may come an hour after the stream began."""


@dataclass(frozen=True, slots=True)
class Pinned:
    """A model, and what its deployment made of its answers."""

    model: str
    output: OutputInfo
    rules: tuple[RuleInfo, ...]


def stream_pin(
    *, organization: OrganizationRef, digest: str, wanted: Pinned, begin: Callable[[], None]
) -> Pinned:
    """Return what the stream began with: ``wanted``, where it begins now.

    ``begin`` is called before a stream begins; what it raises refuses that, and nothing is kept.
    """
    require_scope(organization)
    now = clock.now()
    kept = StreamPin.objects.filter(digest=digest)
    kept.filter(expires_at__lt=now).delete()
    if not kept.update(expires_at=now + KEPT):
        begin()
        StreamPin.objects.bulk_create(
            [
                StreamPin(
                    organization_id=organization.id,
                    digest=digest,
                    model=wanted.model,
                    output=asdict(wanted.output),
                    rules=[asdict(rule) for rule in wanted.rules],
                    expires_at=now + KEPT,
                )
            ],
            update_conflicts=True,
            unique_fields=["organization_id", "digest"],
            update_fields=["expires_at"],
        )
    row = kept.get()
    rules = tuple(RuleInfo(**rule) for rule in row.rules)
    return Pinned(row.model, OutputInfo(**row.output), rules)


def pins_forget() -> None:
    """Forget, under the system's role, what no part can be kept of any more."""
    StreamPin.objects.filter(expires_at__lt=clock.now()).delete()
