"""The mail that says a webhook was disabled: to each administrator once, in their language."""

from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.mail import send_mail
from django.db.models import Q
from django.db.models.functions import Now
from django.template.loader import render_to_string
from django.utils import translation

from anneal.kernel import clock
from anneal.kernel.principal import Role
from anneal.kernel.rounds import Due
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from tenants.accounts.contracts import MemberInfo
from tenants.accounts.selectors import due_of, members_list
from tenants.webhooks.contracts import DisabledReason
from tenants.webhooks.models import Webhook

GIVE_UP: Final = timedelta(days=3)
_TELL: Final = frozenset({Role.OWNER, Role.ADMIN})
_CLAIM: Final = timedelta(minutes=5)
_BATCH: Final = 200


def webhooks_to_tell(*, after: UUID) -> list[Due]:
    """Return the webhooks whose people have not been told, by id. Runs in a system scope."""
    rows = Webhook.objects.filter(
        Q(claimed_until=None) | Q(claimed_until__lt=Now()),
        id__gt=after,
        disabled_reason__in=[DisabledReason.GONE.value, DisabledReason.FAILING.value],
        told_at=None,
        disabled_at__gt=clock.now() - GIVE_UP,
    )
    return due_of(rows.order_by("id").values_list("id", "organization_id")[:_BATCH])


def disabled_mail(*, organization: OrganizationRef, webhook_id: UUID) -> int:
    """Mail those who have not had it; return to how many.

    Opens its own scopes: no transaction waits for a mail server. When some could not be sent the
    first fault is raised after the last person, and the next try, minutes later, is theirs alone.
    """
    claimed = _claim(organization, webhook_id)
    if claimed is None:
        return 0
    row, people = claimed
    fault: Exception | None = None
    for person in people:
        try:
            _send(organization, row, person)
        except Exception as error:  # noqa: BLE001 # whatever it is, the others get their mail
            fault = fault or error
            continue
        row.told_to.append(person.user_id)
        _mark(organization, row, told_to=row.told_to)
    if fault is not None:
        # The claim stays, so the mail server is left alone for its length.
        raise fault
    _mark(organization, row, told_at=clock.now(), claimed_until=None)
    return len(people)


def _claim(
    organization: OrganizationRef, webhook_id: UUID
) -> tuple[Webhook, list[MemberInfo]] | None:
    with tenant_scope(organization):
        free = Q(claimed_until=None) | Q(claimed_until__lt=Now())
        mine = Webhook.objects.filter(id=webhook_id, enabled=False, told_at=None)
        if not mine.filter(free).update(claimed_until=Now() + _CLAIM):
            return None
        row = mine.get()
        people = members_list(organization=organization)
        return row, [one for one in people if one.role in _TELL and one.user_id not in row.told_to]


def _mark(organization: OrganizationRef, row: Webhook, **values: object) -> None:
    with tenant_scope(organization):
        Webhook.objects.filter(id=row.id, disabled_at=row.disabled_at).update(**values)


def _send(organization: OrganizationRef, row: Webhook, person: MemberInfo) -> None:
    context = {
        "organization": organization.slug,
        "host": urlsplit(row.url).hostname,
        "gone": row.disabled_reason == DisabledReason.GONE,
        "page": f"{settings.ANNEAL_SITE_URL}/o/{organization.slug}/webhooks",
    }
    with translation.override(person.language or translation.get_language()):
        subject = render_to_string("webhooks/mails/disabled_subject.txt", context)
        text = render_to_string("webhooks/mails/disabled.txt", context)
    send_mail(" ".join(subject.split()), text, None, [person.email])
