"""Stripe behind the port, by its own client."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, TypeVar
from uuid import UUID

import stripe
from django.conf import settings

from anneal.kernel.scopes import ScopeError, current_scope
from billing.payments.contracts import (
    ChargeWanted,
    MeterEventWanted,
    ProviderCard,
    ProviderDispute,
    ProviderEvent,
    ProviderIntent,
    ProviderRefund,
    ProviderSession,
    SessionWanted,
)
from billing.payments.errors import (
    CustomerDeleted,
    ProviderAway,
    ProviderLocked,
    ProviderRefused,
)
from billing.payments.provider.amounts import to_stripe
from billing.payments.provider.events import event_of, signed
from billing.payments.provider.stripe_meters import event_create, event_is_known, hour_counted
from billing.payments.provider.stripe_objects import (
    ATTEMPT,
    REFUND,
    card_of,
    declined_of,
    dispute_of,
    intent_of,
    metadata_of,
    refund_of,
    session_of,
)

_T = TypeVar("_T")
_PAGE: Final = 100
_PASSING: Final = (stripe.APIConnectionError, stripe.RateLimitError)
# A key that was changed at Stripe is mended here: it must not end what waits for it.
_LOCKED: Final = (stripe.AuthenticationError, stripe.PermissionError)


class StripeProvider:
    """An account at Stripe."""

    name = "stripe"
    prefixes: tuple[str, ...] = ("pi_", "re_", "pyr_", "du_", "dp_")

    def __init__(self, client: stripe.StripeClient, http: stripe.RequestsClient) -> None:
        self._v1, self._http = client.v1, http

    def close(self) -> None:
        """Close this thread's connections."""
        self._http.close()  # type: ignore[no-untyped-call] # theirs

    def customer_make(self, *, name: str, organization: str, key: str) -> str:
        """Make a customer that knows its organization."""
        made = _persistent(
            lambda key: self._v1.customers.create(
                {"name": name, "metadata": {"anneal_organization": organization}},
                {"idempotency_key": key},
            ),
            key,
        )
        return made.id

    def session_open(self, wanted: SessionWanted) -> ProviderSession:
        """Open a Checkout session."""
        params: dict[str, Any] = {
            "mode": "payment" if wanted.amount_minor else "setup",
            "customer": wanted.customer,
            "success_url": wanted.success_url,
            "cancel_url": wanted.cancel_url,
            "client_reference_id": str(wanted.checkout_id),
            "payment_method_types": ["card"],
            "locale": "auto",
        }
        if wanted.amount_minor:
            price = {
                "currency": wanted.currency.lower(),
                "unit_amount": to_stripe(wanted.amount_minor, wanted.currency),
                "product_data": {"name": wanted.label},
            }
            params["line_items"] = [{"quantity": 1, "price_data": price}]
            params["payment_intent_data"] = {"metadata": {ATTEMPT: str(wanted.attempt_id)}}
        sessions: Any = self._v1.checkout.sessions
        made = _persistent(
            lambda key: sessions.create(params, {"idempotency_key": key}), wanted.key
        )
        return session_of(made)

    def session_read(self, ref: str) -> ProviderSession:
        """Retrieve a Checkout session."""
        with _asking():
            return session_of(self._v1.checkout.sessions.retrieve(ref))

    def session_expire(self, ref: str) -> ProviderSession:
        """Expire it; one that is over already is read instead."""
        try:
            with _asking():
                return session_of(self._v1.checkout.sessions.expire(ref))
        except ProviderRefused:
            return self.session_read(ref)

    def charge(self, wanted: ChargeWanted) -> ProviderIntent:
        """Create and confirm a payment intent off session."""
        params: dict[str, Any] = {
            "amount": to_stripe(wanted.amount_minor, wanted.currency),
            "currency": wanted.currency.lower(),
            "customer": wanted.customer,
            "payment_method": wanted.card,
            "payment_method_types": ["card"],
            "off_session": True,
            "confirm": True,
            "description": wanted.label,
            "metadata": {ATTEMPT: str(wanted.attempt_id)},
        }
        intents: Any = self._v1.payment_intents
        mine = {"customer": wanted.customer, "limit": 100}
        try:
            made = _persistent(
                lambda key: intents.create(params, {"idempotency_key": key}),
                wanted.key,
                lambda: _named(intents.list(mine), ATTEMPT, str(wanted.attempt_id)),
            )
        except stripe.CardError as error:
            return declined_of(error, wanted)
        return intent_of(made)

    def intent_read(self, ref: str) -> ProviderIntent:
        """Retrieve a payment intent."""
        with _asking():
            return intent_of(self._v1.payment_intents.retrieve(ref, {"expand": ["payment_method"]}))

    def cards(self, customer: str) -> tuple[ProviderCard, ...]:
        """List a customer's cards, the oldest first."""
        with _asking():
            whole = self._v1.customers.retrieve(customer)
            if getattr(whole, "deleted", False):
                raise CustomerDeleted
            listed = self._v1.payment_methods.list({"customer": customer, "type": "card"})
            found = list(listed.auto_paging_iter())
        default = whole.invoice_settings.default_payment_method if whole.invoice_settings else None
        return tuple(card_of(each, default) for each in reversed(found) if each.card)

    def card_default(self, *, customer: str, card: str) -> None:
        """Make it the one that invoices are paid with."""
        with _asking():
            self._v1.customers.update(
                customer, {"invoice_settings": {"default_payment_method": card}}
            )

    def card_remove(self, card: str) -> None:
        """Detach it."""
        try:
            with _asking():
                self._v1.payment_methods.detach(card)
        except ProviderRefused:
            return

    def meter_tell(self, wanted: MeterEventWanted) -> None:
        """Create a meter event; a refused duplicate was counted when it first came."""
        try:
            with _asking():
                event_create(self._v1.billing, wanted)
        except ProviderRefused as error:
            if not event_is_known(error, wanted.identifier):
                raise

    def meter_counted(self, *, event_name: str, customer: str, hour: datetime) -> Decimal:
        """Sum up an hour of the meter with this event name."""
        with _asking():
            return hour_counted(
                self._v1.billing, event_name=event_name, customer=customer, hour=hour
            )

    def portal_open(self, *, customer: str, return_url: str) -> str:
        """Open the customer portal."""
        with _asking():
            made = self._v1.billing_portal.sessions.create(
                {"customer": customer, "return_url": return_url}
            )
        return made.url

    def refund(
        self, *, intent: str, amount_minor: int, currency: str, key: str, refund_id: UUID
    ) -> ProviderRefund:
        """Refund a part of what an intent collected.

        It may be asked for again after days, when Stripe has forgotten the key: it looks first.
        """
        refunds: Any = self._v1.refunds
        mine = {"payment_intent": intent, "limit": 100}
        params = {
            "payment_intent": intent,
            "amount": to_stripe(amount_minor, currency),
            "metadata": {REFUND: str(refund_id)},
        }
        with _asking():
            made = _named(refunds.list(mine), REFUND, str(refund_id))
        return refund_of(
            made
            or _persistent(
                lambda key: refunds.create(params, {"idempotency_key": key}),
                key,
                lambda: _named(refunds.list(mine), REFUND, str(refund_id)),
            )
        )

    def refund_read(self, ref: str) -> ProviderRefund:
        """Retrieve a refund."""
        with _asking():
            return refund_of(self._v1.refunds.retrieve(ref))

    def dispute_read(self, ref: str) -> ProviderDispute:
        """Retrieve a dispute."""
        with _asking():
            return dispute_of(self._v1.disputes.retrieve(ref))

    def intents_since(self, moment: datetime | None) -> Iterator[ProviderIntent]:
        """List payment intents."""
        return _listed(self._v1.payment_intents, moment, intent_of)

    def refunds_since(self, moment: datetime | None) -> Iterator[ProviderRefund]:
        """List refunds."""
        return _listed(self._v1.refunds, moment, refund_of)

    def disputes_since(self, moment: datetime | None) -> Iterator[ProviderDispute]:
        """List disputes."""
        return _listed(self._v1.disputes, moment, dispute_of)

    def event_verified(self, body: bytes, signature: str) -> ProviderEvent:
        """Check the signature against STRIPE_WEBHOOK_SECRET."""
        return signed(body, signature, settings.ANNEAL_STRIPE_WEBHOOK_SECRET)

    def events_since(self, moment: datetime) -> Iterator[ProviderEvent]:
        """List events, newest first, page after page."""
        return _listed(self._v1.events, moment, lambda each: event_of(each.to_dict()))


@lru_cache(maxsize=1)
def stripe_provider() -> StripeProvider:
    """Return the account whose key is set; it repeats by itself what did not get through."""
    base = settings.ANNEAL_STRIPE_API_BASE
    http = stripe.RequestsClient(timeout=20)
    client = stripe.StripeClient(
        settings.ANNEAL_STRIPE_SECRET_KEY,
        base_addresses={"api": base} if base else {},
        http_client=http,
        max_network_retries=1,
    )
    return StripeProvider(client, http)


@contextmanager
def _asking() -> Iterator[None]:
    """No transaction waits for Stripe, and what Stripe says becomes an error of ours."""
    if current_scope() is not None:
        raise ScopeError("A payment provider is asked outside of scopes: close it first.")
    try:
        yield
    except stripe.CardError:
        raise
    except _PASSING as error:
        raise ProviderAway from error
    except _LOCKED as error:
        raise ProviderLocked from error
    except stripe.StripeError as error:
        if error.http_status is None or error.http_status >= 500 or error.http_status == 409:
            raise ProviderAway from error
        raise ProviderRefused(f"The payment provider refused: {error.user_message}") from error


def _persistent(
    create: Callable[[str], _T], key: str, find: Callable[[], _T | None] = lambda: None
) -> _T:
    """Create under a key; where Stripe keeps a failure of its own under it, look, then once more.

    It repeats a kept answer for a day, a failure too, and does not say what came of it.
    """
    try:
        with _asking():
            return create(key)
    except ProviderAway as error:
        told = error.__cause__
        headers = told.headers if isinstance(told, stripe.StripeError) else None
        if "idempotent-replayed" not in (headers or {}):
            raise
    with _asking():
        return find() or create(f"{key}:again")


def _named(listed: Any, name: str, value: str) -> Any:
    """Return the newest of a list that bears a value of ours, None if none does."""
    return next((each for each in listed.data if metadata_of(each).get(name) == value), None)


def _listed(service: Any, moment: datetime | None, read: Callable[[Any], _T]) -> Iterator[_T]:
    """Yield what a service lists, newest first, page after page."""
    params = {"created": {"gte": int(moment.timestamp())}} if moment else {}
    with _asking():
        for each in service.list({"limit": _PAGE, **params}).auto_paging_iter():
            yield read(each)
