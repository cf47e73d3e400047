"""Billing details of customers and of the seller, and the tax rates."""

import re
from dataclasses import asdict
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Max

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.errors import Conflict
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.invoices.contracts import FapiaoKind, Profile, Rate, SellerTerms
from billing.invoices.errors import (
    ProfileInvalid,
    SellerInvalid,
    TaxRateInvalid,
    TaxRateUnknown,
)
from billing.invoices.models import BillingProfile, Seller, TaxRate
from billing.invoices.rows import rate_of
from billing.invoices.texts import TEXTS
from tenants.accounts.contracts import HOUSE_ORGANIZATION

_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_PREFIX: Final = re.compile(r"[A-Z0-9]{1,10}")
_CHINA: Final = "CN"
_SPECIAL: Final = ("fapiao_address", "fapiao_phone", "fapiao_bank", "fapiao_account")
_MOST_DAYS: Final = 365


def profile_set(*, organization: OrganizationRef, actor: Actor, profile: Profile) -> Profile:
    """Keep whom invoices are made out to, from the next one on. Raises ProfileInvalid."""
    require_scope(organization)
    kept = _profile_read(profile)
    row = BillingProfile.objects.filter(organization_id=organization.id).first()
    row = row or BillingProfile(organization_id=organization.id)
    for name, value in asdict(kept).items():
        setattr(row, name, value)
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise Conflict("The billing details were changed at this moment: look again.") from error
    audit_record(
        actor=actor,
        action="billing_profile.set",
        target=public_id("org_", organization.id),
        # Which fields are filled, not what with: the trail outlives what a person may have deleted.
        detail={"fields": sorted(name for name, value in asdict(kept).items() if value)},
        organization=organization,
    )
    return kept


def tax_rate_add(
    *,
    actor: Actor,
    name_en: str,
    name_zh: str,
    country: str,
    percent: Decimal,
    reverse_charge: bool = False,
) -> Rate:
    """Ask customers of a country for a tax, from the next invoice on. System scope.

    Raises TaxRateInvalid.
    """
    fits = percent.is_finite() and 0 < percent <= 100 and round(percent, 6) == percent
    if not (fits and name_en.strip() and name_zh.strip() and _COUNTRY.fullmatch(country)):
        raise TaxRateInvalid
    row = TaxRate(
        name_en=name_en.strip(),
        name_zh=name_zh.strip(),
        country=country,
        percent=percent,
        reverse_charge=reverse_charge,
    )
    row.save(force_insert=True)
    _house_audit(actor, "tax_rate.add", row.id, {"country": country, "percent": f"{percent:f}"})
    return rate_of(row)


def tax_rate_end(*, actor: Actor, rate_id: UUID) -> None:
    """Ask for a tax no more, from the next invoice on. System scope. Raises TaxRateUnknown."""
    ended = TaxRate.objects.filter(id=rate_id, ended_at__isnull=True).update(ended_at=clock.now())
    if not ended:
        raise TaxRateUnknown
    _house_audit(actor, "tax_rate.end", rate_id, {})


def seller_set(*, actor: Actor, terms: SellerTerms) -> int:
    """Say who sells, from the next invoice on; return the version. System scope.

    Raises SellerInvalid.
    """
    _seller_check(terms)
    newest = Seller.objects.aggregate(last=Max("version"))["last"] or 0
    row = Seller(version=newest + 1, **asdict(terms))
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict("The seller was changed at this moment: look again.") from error
    _house_audit(actor, "seller.set", row.id, {"version": str(row.version)})
    return row.version


def _profile_read(profile: Profile) -> Profile:
    values: dict[str, Any] = {
        name: " ".join(value.split()) for name, value in asdict(profile).items()
    }
    kept = Profile(**values | {"fapiao_kind": profile.fapiao_kind})
    if kept.language not in TEXTS:
        raise ProfileInvalid(f"language is one of {', '.join(TEXTS)}.", param="language")
    if kept.country and not _COUNTRY.fullmatch(kept.country):
        raise ProfileInvalid("country: two capital letters, such as DE or CN.", param="country")
    _email_check(kept.email, ProfileInvalid)
    _lengths_check(kept)
    _fapiao_check(kept)
    return kept


def _fapiao_check(profile: Profile) -> None:
    if profile.fapiao_kind == FapiaoKind.NONE:
        return
    if profile.country != _CHINA:
        raise ProfileInvalid(
            "fapiao_kind: a fapiao is made out in China (country CN).", param="fapiao_kind"
        )
    needed = ("fapiao_title", "fapiao_taxpayer_id") if profile.fapiao_kind else ()
    if profile.fapiao_kind == FapiaoKind.SPECIAL:
        needed = (*needed, *_SPECIAL)
    for name in needed:
        if not getattr(profile, name):
            raise ProfileInvalid(f"{name}: a {profile.fapiao_kind} fapiao needs it.", param=name)


def _lengths_check(profile: Profile) -> None:
    for name, value in asdict(profile).items():
        most = getattr(BillingProfile._meta.get_field(name), "max_length", None)
        if most is not None and len(value) > most:
            raise ProfileInvalid(f"{name}: at most {most} characters.", param=name)


def _seller_check(terms: SellerTerms) -> None:
    if not _PREFIX.fullmatch(terms.number_prefix):
        raise SellerInvalid(
            "number_prefix: 1 to 10 capital letters and digits.", param="number_prefix"
        )
    if terms.country and not _COUNTRY.fullmatch(terms.country):
        raise SellerInvalid("country: two capital letters, such as DE or CN.", param="country")
    if not 0 <= terms.payment_days <= _MOST_DAYS:
        raise SellerInvalid("payment_days: from 0 to 365.", param="payment_days")
    _email_check(terms.email, SellerInvalid)


def _email_check(email: str, fault: type[ProfileInvalid] | type[SellerInvalid]) -> None:
    try:
        if email:
            validate_email(email)
    except ValidationError as error:
        raise fault("email: this is no address.", param="email") from error


def _house_audit(actor: Actor, action: str, target: UUID, detail: dict[str, str]) -> None:
    audit_record(
        actor=actor,
        action=action,
        target=public_id("cfg_", target),
        detail=detail,
        organization=HOUSE_ORGANIZATION,
    )
