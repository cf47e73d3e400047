"""The mail that tells of an automatic top-up that waits."""

from datetime import UTC, datetime

from django.conf import settings

from anneal.kernel.scopes import OrganizationRef
from billing.invoices.mails import money_mail


def pause_mail(*, organization: OrganizationRef, reason: str, until: datetime) -> int:
    """Tell all who look after money why credit is not bought, and what to do; to how many."""
    context = {
        "organization": organization.slug,
        "reason": reason,
        "until": f"{until.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        "page": f"{settings.ANNEAL_SITE_URL}/o/{organization.slug}/billing/methods",
    }
    return money_mail(organization=organization, folder="payments/mails", context=context)
