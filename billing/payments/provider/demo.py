"""A provider for installations without keys: it answers as Stripe would, and moves no money.

Its things are rows of our own, and whatever happens to them is told by events through the same
intake as Stripe's.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.ids import uuid7
from anneal.kernel.scopes import system_scope
from billing.payments.contracts import (
    DEMO_REF,
    ChargeWanted,
    CheckoutState,
    IntentStatus,
    MeterEventWanted,
    ProviderCard,
    ProviderDispute,
    ProviderEvent,
    ProviderIntent,
    ProviderRefund,
    ProviderSession,
    SessionWanted,
)
from billing.payments.errors import ProviderRefused, SignatureInvalid
from billing.payments.models import DemoObject
from billing.payments.provider.demo_cards import decline_of
from billing.payments.provider.events import event_of
from billing.payments.services.intake import event_keep

_DAY: Final = timedelta(days=1)
_PAGE: Final = 100


class DemoProvider:
    """Cards that are numbers of tests, and money that is none."""

    name = "demo"
    prefixes: tuple[str, ...] = (DEMO_REF,)

    def customer_make(self, *, name: str, organization: str, key: str) -> str:
        """Make a customer."""
        body = {"name": name, "metadata": {"anneal_organization": organization}}
        return _made("customer", f"{DEMO_REF}cus", key, body=body).ref

    def session_open(self, wanted: SessionWanted) -> ProviderSession:
        """Open a page of our own that takes a card's number."""
        body = {
            "attempt": str(wanted.attempt_id) if wanted.attempt_id else "",
            "amount_minor": wanted.amount_minor,
            "currency": wanted.currency,
            "state": CheckoutState.OPEN.value,
            "intent": "",
            "url": wanted.own_page,
            "success_url": wanted.success_url,
            "cancel_url": wanted.cancel_url,
            "expires_at": (clock.now() + _DAY).isoformat(),
        }
        return _session(_made("checkout.session", "demo_cs", wanted.key, wanted.customer, body))

    def session_read(self, ref: str) -> ProviderSession:
        """Return a page; one whose time is over is expired now."""
        session = _session(_found(ref))
        if session.state == CheckoutState.OPEN and session.expires_at <= clock.now():
            return self.session_expire(ref)
        return session

    def session_expire(self, ref: str) -> ProviderSession:
        """Close an open page."""
        with system_scope("demo page"):
            row = DemoObject.objects.select_for_update().get(ref=ref)
            if row.body["state"] == CheckoutState.OPEN:
                row.body |= {"state": CheckoutState.EXPIRED.value}
                row.save(update_fields=["body"])
                _tell("checkout.session.expired", row)
        return _session(row)

    def charge(self, wanted: ChargeWanted) -> ProviderIntent:
        """Take nothing from a card, unless its number says that it is declined."""
        with system_scope("demo charge"):
            card = DemoObject.objects.filter(ref=wanted.card, customer=wanted.customer).first()
        if card is None:
            raise ProviderRefused
        failure = decline_of(card.body["number"])
        body = _intent_body(str(wanted.attempt_id), wanted.amount_minor, wanted.currency, failure)
        return _intent(_made("payment_intent", "demo_pi", wanted.key, wanted.customer, body))

    def intent_read(self, ref: str) -> ProviderIntent:
        """Return a payment."""
        return _intent(_found(ref))

    def cards(self, customer: str) -> tuple[ProviderCard, ...]:
        """Return a customer's cards."""
        with system_scope("demo cards"):
            rows = DemoObject.objects.filter(kind="payment_method", customer=customer)
            return tuple(_card(row) for row in rows.order_by("id"))

    def card_default(self, *, customer: str, card: str) -> None:
        """Pay with this card from now on."""
        with system_scope("demo cards"):
            for row in DemoObject.objects.filter(kind="payment_method", customer=customer):
                row.body |= {"default": row.ref == card}
                row.save(update_fields=["body"])

    def card_remove(self, card: str) -> None:
        """Forget a card."""
        with system_scope("demo cards"):
            DemoObject.objects.filter(kind="payment_method", ref=card).delete()

    def meter_tell(self, wanted: MeterEventWanted) -> None:
        """There are no meters here: usage is told to Stripe alone."""
        raise ProviderRefused

    def meter_counted(self, *, event_name: str, customer: str, hour: datetime) -> Decimal:
        """There are no meters here."""
        raise ProviderRefused

    def portal_open(self, *, customer: str, return_url: str) -> str:
        """There is no page but our own."""
        return return_url

    def intents_since(self, moment: datetime | None) -> Iterator[ProviderIntent]:
        """List payments."""
        return map(_intent, _listed("payment_intent", moment))

    def refunds_since(self, moment: datetime | None) -> Iterator[ProviderRefund]:
        """List refunds."""
        return map(_refund, _listed("refund", moment))

    def disputes_since(self, moment: datetime | None) -> Iterator[ProviderDispute]:
        """Nobody disputes what was never paid."""
        return iter(())

    def refund(
        self, *, intent: str, amount_minor: int, currency: str, key: str, refund_id: UUID
    ) -> ProviderRefund:
        """Send nothing back, successfully."""
        body = {
            "intent": intent,
            "amount_minor": amount_minor,
            "currency": currency,
            "refund": str(refund_id),
        }
        return _refund(_made("refund", "demo_re", key, _found(intent).customer, body))

    def refund_read(self, ref: str) -> ProviderRefund:
        """Return a refund."""
        return _refund(_found(ref))

    def dispute_read(self, ref: str) -> ProviderDispute:
        """Nobody disputes what was never paid."""
        raise ProviderRefused

    def event_verified(self, body: bytes, signature: str) -> ProviderEvent:
        """Nobody outside tells anything here."""
        raise SignatureInvalid

    def events_since(self, moment: datetime) -> Iterator[ProviderEvent]:
        """Yield nothing: events are kept with what they tell."""
        return iter(())


def demo_complete(*, ref: str, number: str, exp_month: int, exp_year: int) -> str:
    """Use a card on a page; return why it was declined, empty where it was not.

    Opens its own scope. Raises ProviderRefused for a page that takes nothing more.
    """
    failure = decline_of(number, on_page=True)
    with system_scope("demo page"):
        row = DemoObject.objects.select_for_update().filter(ref=ref).first()
        if row is None or row.body["state"] != CheckoutState.OPEN:
            raise ProviderRefused("This page takes nothing more: open another one.")
        if failure:
            return failure
        body = {"number": number, "exp_month": exp_month, "exp_year": exp_year, "default": False}
        if not row.body["amount_minor"]:
            _new("payment_method", "demo_pm", row.customer, body | {"default": _first(row)})
        else:
            paid = _intent_body(
                row.body["attempt"], row.body["amount_minor"], row.body["currency"], ""
            ) | {"card": body}
            row.body |= {"intent": _new("payment_intent", "demo_pi", row.customer, paid).ref}
        row.body |= {"state": CheckoutState.COMPLETE.value}
        row.save(update_fields=["body"])
        _tell("checkout.session.completed", row)
    return ""


def _first(row: DemoObject) -> bool:
    mine = DemoObject.objects.filter(kind="payment_method", customer=row.customer)
    return not mine.exists()


def _intent_body(attempt: str, amount_minor: int, currency: str, failure: str) -> dict[str, Any]:
    status = IntentStatus.FAILED if failure else IntentStatus.SUCCEEDED
    return {
        "attempt": attempt,
        "amount_minor": amount_minor,
        "currency": currency,
        "status": status.value,
        "failure": failure,
    }


def _made(
    kind: str, prefix: str, key: str, customer: str = "", body: dict[str, Any] | None = None
) -> DemoObject:
    """Make a thing, once per key."""
    with system_scope("demo make"):
        row = DemoObject(
            ref=f"{prefix}_{uuid7().hex}", kind=kind, key=key, customer=customer, body=body or {}
        )
        DemoObject.objects.bulk_create([row], ignore_conflicts=True)
        kept: DemoObject = DemoObject.objects.get(key=key)
        if kept.id == row.id and kind == "payment_intent":
            told = "succeeded" if kept.body["status"] == "succeeded" else "payment_failed"
            _tell(f"payment_intent.{told}", kept)
    return kept


def _new(kind: str, prefix: str, customer: str, body: dict[str, Any]) -> DemoObject:
    row = DemoObject(ref=f"{prefix}_{uuid7().hex}", kind=kind, customer=customer, body=body)
    row.save(force_insert=True)
    return row


def _found(ref: str) -> DemoObject:
    with system_scope("demo read"):
        row: DemoObject | None = DemoObject.objects.filter(ref=ref).first()
    if row is None:
        raise ProviderRefused
    return row


def _listed(kind: str, moment: datetime | None) -> Iterator[DemoObject]:
    """Yield things of a kind, a page in each scope."""
    rows = DemoObject.objects.filter(kind=kind).order_by("id")
    if moment is not None:
        rows = rows.filter(created_at__gte=moment)
    last = UUID(int=0)
    while True:
        with system_scope("demo list"):
            found = list(rows.filter(id__gt=last)[:_PAGE])
        if not found:
            return
        yield from found
        last = found[-1].id


def _tell(type_: str, row: DemoObject) -> None:
    about = {"id": row.ref, "object": row.kind, "customer": row.customer}
    body = {
        "id": f"demo_evt_{uuid7().hex}",
        "type": type_,
        "created": int(clock.now().timestamp()),
        "data": {"object": about},
    }
    event_keep(event_of(json.loads(json.dumps(body))))


def _session(row: DemoObject) -> ProviderSession:
    return ProviderSession(
        ref=row.ref,
        state=CheckoutState(row.body["state"]),
        url=row.body["url"],
        expires_at=datetime.fromisoformat(row.body["expires_at"]).astimezone(UTC),
        customer=row.customer,
        intent=row.body["intent"],
    )


def _intent(row: DemoObject) -> ProviderIntent:
    return ProviderIntent(
        ref=row.ref,
        status=IntentStatus(row.body["status"]),
        amount_minor=row.body["amount_minor"],
        currency=row.body["currency"],
        customer=row.customer,
        attempt_id=UUID(row.body["attempt"]) if row.body["attempt"] else None,
        failure=row.body["failure"],
        card=_card_of(f"{row.ref}_card", row.body["card"]) if "card" in row.body else None,
    )


def _card(row: DemoObject) -> ProviderCard:
    return _card_of(row.ref, row.body)


def _card_of(ref: str, body: dict[str, Any]) -> ProviderCard:
    return ProviderCard(
        ref=ref,
        brand="visa" if body["number"].startswith("4") else "mastercard",
        last4=body["number"][-4:],
        exp_month=body["exp_month"],
        exp_year=body["exp_year"],
        default=body["default"],
    )


def _refund(row: DemoObject) -> ProviderRefund:
    return ProviderRefund(
        ref=row.ref,
        intent=row.body["intent"],
        amount_minor=row.body["amount_minor"],
        currency=row.body["currency"],
        state="succeeded",
        refund_id=UUID(row.body["refund"]),
    )
