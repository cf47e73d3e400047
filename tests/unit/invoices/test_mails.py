"""Mails about invoices: to all who look after money, each in their language."""

from datetime import timedelta

import pytest
from django.core.mail import EmailMessage

from anneal.kernel import clock
from anneal.kernel.ids import public_id
from anneal.kernel.models import OutboxMessage
from anneal.kernel.principal import Role
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.invoices.mails import invoice_mail
from billing.invoices.services import dunning_failed
from tenants.accounts.models import User
from tests.unit.factories import make_member
from tests.unit.invoices.helpers import BEGINS, invoiced, pay, top_up

pytestmark = pytest.mark.django_db


def asked() -> list[str]:
    with system_scope("test"):
        rows = OutboxMessage.objects.filter(task="invoices.mail").order_by("id")
        return [row.payload["what"] for row in rows]


@pytest.mark.parametrize("what", ["finalized", "failed", "suspended", "restored"])
def test_who_looks_after_money_is_told_in_their_language(
    organization: OrganizationRef, mailoutbox: list[EmailMessage], what: str
) -> None:
    chinese = make_member(organization, Role.BILLING)
    make_member(organization, Role.DEVELOPER)
    User.objects.filter(id=chinese.id).update(language="zh-hans")
    invoice = invoiced(organization, "1234.5")

    sent = invoice_mail(organization=organization, invoice_id=invoice.id, what=what)

    assert (sent, len(mailoutbox)) == (2, 2)
    texts = {mail.to[0]: mail.subject + mail.body for mail in mailoutbox}
    assert all(f"{invoice.number}" in text and "1234.50 USD" in text for text in texts.values())
    assert "账单" in texts[chinese.email]
    page = f"/o/{organization.slug}/billing/invoices/{public_id('inv_', invoice.id)}"
    assert all(page in text for text in texts.values())


def test_an_invoice_that_is_to_be_paid_and_each_failure_is_mailed(
    organization: OrganizationRef,
) -> None:
    top_up(organization, 500)
    invoice = invoiced(organization, "50")
    assert asked() == ["finalized"]
    for day in (0, 3, 7, 14):
        at = BEGINS + timedelta(days=day)
        with clock.frozen(at), tenant_scope(organization):
            dunning_failed(organization=organization, invoice_id=invoice.id, at=at)
    pay(organization, invoice, 5000)

    assert asked() == ["finalized", "failed", "failed", "failed", "suspended", "restored"]


def test_an_invoice_that_is_gone_is_told_to_nobody(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    invoice = invoiced(organization, "50")

    assert not invoice_mail(
        organization=other_organization, invoice_id=invoice.id, what="finalized"
    )
