"""From a threshold that was reached to those who should know: an event, and a mail."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.core.mail import send_mail
from django.db.models import Q
from django.db.models.functions import Now
from django.template.loader import render_to_string
from django.utils import translation

from anneal.kernel import clock
from anneal.kernel.events import ThresholdReached, publish
from anneal.kernel.outbox import outbox_add
from anneal.kernel.principal import Role
from anneal.kernel.rounds import Due
from anneal.kernel.scopes import OrganizationRef, require_scope, tenant_scope
from billing.ledger.models import Notice
from billing.ledger.rows import notice_rule
from tenants.accounts.contracts import MemberInfo
from tenants.accounts.selectors import due_of, members_list

TELL: Final = frozenset({Role.OWNER, Role.ADMIN, Role.BILLING})
AGAIN: Final = timedelta(minutes=10)
"""When a mail is asked for once more, because the first asking was lost."""
_CLAIM: Final = timedelta(minutes=5)
OF_PLAN: Final = "plan:"
"""Rules of what became of a plan, which is no threshold."""
GIVE_UP: Final = timedelta(days=3)
_BATCH: Final = 500


def organizations_to_tell(*, after: UUID) -> list[Due]:
    """Return whose notices wait, by id after ``after``. Runs in a system scope."""
    rows = _waiting().filter(organization_id__gt=after)
    ids = rows.order_by("organization_id").values_list("organization_id", flat=True).distinct()
    return due_of((each, each) for each in ids[:_BATCH])


def notices_announce(*, organization: OrganizationRef) -> int:
    """Publish each new notice and ask for its mail, in one transaction; return how many.

    One whose mail was asked for and not sent is asked for again, and not published again.
    """
    require_scope(organization)
    rows = list(
        _waiting()
        .filter(organization_id=organization.id)
        .order_by("reached_at", "rule", "threshold")
        .select_for_update(skip_locked=True, of=("self",))[:_BATCH]
    )
    for row in rows:
        if row.announced_at is None and not row.rule.startswith(OF_PLAN):
            publish(_event(organization, row))
        outbox_add(
            task="ledger.notice_mail",
            queue="default",
            payload={
                "organization_id": str(organization.id),
                "slug": organization.slug,
                "notice_id": str(row.id),
            },
        )
    Notice.objects.filter(id__in=[row.id for row in rows]).update(announced_at=clock.now())
    return len(rows)


def notice_mail(*, organization: OrganizationRef, notice_id: UUID) -> int:
    """Mail a notice to all who look after money, each in their language, once; return to how many.

    Opens its own scopes, so none may be open: no transaction waits for a mail server. Who had the
    mail is kept after each; when some could not be sent, the first fault is raised after the last
    person, and the next asking goes to those alone.
    """
    found = _claim(organization, notice_id)
    if found is None:
        return 0
    notice, people = found
    had, fault = list(notice.mailed_to), None
    for person in people:
        try:
            _send(organization, notice, person)
        except Exception as error:  # noqa: BLE001 # whatever it is, the others get their mail
            fault = fault or error
            continue
        had.append(str(person.user_id))
        _mark(organization, notice, mailed_to=had)
    done = {"mailed_at": clock.now()} if fault is None else {}
    _mark(organization, notice, claimed_until=None, **done)
    if fault is not None:
        raise fault
    return len(people)


def _claim(
    organization: OrganizationRef, notice_id: UUID
) -> tuple[Notice, list[MemberInfo]] | None:
    """Take a notice for a while and say who has yet to get it; None when another has it."""
    with tenant_scope(organization):
        mine = Notice.objects.filter(organization_id=organization.id, id=notice_id)
        free = Q(claimed_until=None) | Q(claimed_until__lt=Now())
        if not mine.filter(free, mailed_at=None).update(claimed_until=Now() + _CLAIM):
            return None
        notice = mine.get()
        return notice, [
            one
            for one in members_list(organization=organization)
            if one.role in TELL and str(one.user_id) not in notice.mailed_to
        ]


def _mark(organization: OrganizationRef, notice: Notice, **values: Any) -> None:
    with tenant_scope(organization):
        Notice.objects.filter(organization_id=organization.id, id=notice.id).update(**values)


def _waiting() -> Any:
    now = clock.now()
    return Notice.objects.filter(
        Q(announced_at=None) | Q(announced_at__lt=now - AGAIN),
        mailed_at=None,
        reached_at__gt=now - GIVE_UP,
    )


def _event(organization: OrganizationRef, row: Notice) -> ThresholdReached:
    return ThresholdReached(
        organization=organization,
        notice_id=row.id,
        rule=notice_rule(row),
        unit=row.unit,
        threshold=row.threshold,
        used=f"{row.used.normalize():f}",
        amount=f"{row.amount.normalize():f}",
        period=row.period,
    )


def _send(organization: OrganizationRef, notice: Notice, person: MemberInfo) -> None:
    context = {
        "organization": organization.slug,
        "budget": notice.rule.startswith("limit:"),
        "plan": notice.unit if notice.rule.startswith(OF_PLAN) else "",
        "payment": notice.rule == f"{OF_PLAN}payment",
        "unit": notice.unit,
        "threshold": notice.threshold,
        "used": f"{notice.used.normalize():f}",
        "amount": f"{notice.amount.normalize():f}",
    }
    with translation.override(person.language or translation.get_language()):
        subject = render_to_string("ledger/mails/notice_subject.txt", context)
        text = render_to_string("ledger/mails/notice.txt", context)
    send_mail(" ".join(subject.split()), text, None, [person.email])
