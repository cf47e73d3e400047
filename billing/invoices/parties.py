"""Who sells and who buys, as an invoice being made sees them."""

from dataclasses import asdict
from typing import Any

from anneal.kernel.scopes import OrganizationRef
from billing.invoices.contracts import Profile, SellerTerms
from billing.invoices.models import BillingProfile, Seller
from billing.invoices.rows import profile_of, seller_of
from billing.invoices.texts import CHINESE, ENGLISH
from billing.plans.models import Subscription
from tenants.accounts.models import Language
from tenants.accounts.selectors import members_list, organization_get


def seller_current() -> SellerTerms:
    """Return the newest details of the seller."""
    row = Seller.objects.order_by("-version").first()
    return seller_of(row) if row else SellerTerms()


def profile_current(organization: OrganizationRef) -> Profile:
    """Return the organization's billing details.

    One that gave none is known by its name, and is written to in its oldest member's language.
    """
    row = BillingProfile.objects.filter(organization_id=organization.id).first()
    if row is not None:
        return profile_of(row)
    spoken = [one.language for one in members_list(organization=organization)][:1]
    return Profile(
        legal_name=organization_get(organization=organization).name,
        language=CHINESE if Language.CHINESE in spoken else ENGLISH,
    )


def time_zone_of(organization: OrganizationRef) -> str:
    """Return in which zone the organization's periods are counted, and its dates printed."""
    zones = Subscription.objects.filter(organization_id=organization.id).order_by("-starts_at")
    return zones.values_list("time_zone", flat=True).first() or "UTC"


def printed(party: Profile | SellerTerms) -> dict[str, Any]:
    """Return what an invoice keeps of a party, whatever becomes of it later."""
    return {name: value for name, value in asdict(party).items() if value not in ("", None)}
