"""Refusals of payments."""

from anneal.kernel.errors import Conflict, DomainError, InvalidRequest, NotFound, Unavailable


class CheckoutUnknown(NotFound):
    """No such checkout of this organization."""

    message = "No such checkout: POST /v1/billing/checkout opens one."


class CheckoutInvalid(InvalidRequest):
    """A checkout that could sell nothing."""

    code = "checkout_invalid"
    message = "The checkout needs what its purpose asks for: an amount, a plan or an invoice."


class CheckoutMismatch(Conflict):
    """The same key with another content."""

    code = "checkout_mismatch"
    message = "This Idempotency-Key was used for another checkout: use a new key."


class CardUnknown(NotFound):
    """No such payment method of this organization."""

    message = "No such payment method: GET /v1/billing/payment_methods lists yours."


class CardNeeded(DomainError):
    """There is nothing to collect with."""

    code, status, error_type = "payment_method_required", 402, "insufficient_quota"
    message = "No payment method is set up: add a card first, then try again."


class InvoicePaidAlready(Conflict):
    """Nothing of the invoice is due."""

    code = "invoice_paid_already"
    message = "Nothing of this invoice is due any more."


class PaymentOpen(Conflict):
    """Another try to collect the same invoice is not over."""

    code = "payment_open"
    message = "A payment of this invoice is under way: wait until it is over, then look again."


class AmountInvalid(InvalidRequest):
    """An amount that no card can pay."""

    code = "payment_amount_invalid"
    message = "The amount is not between the least and the most that can be paid at once."


class AutoTopUpInvalid(InvalidRequest):
    """Terms under which credit cannot be bought by itself."""

    code = "auto_top_up_invalid"
    message = "The amount is within what can be paid at once, and the daily cap is not below it."


class SignatureInvalid(InvalidRequest):
    """An event that the provider has not signed, or not within five minutes."""

    code = "signature_invalid"
    message = "The signature does not belong to this body: check STRIPE_WEBHOOK_SECRET."


class ProviderAway(Unavailable):
    """The payment provider does not answer."""

    code = "payment_provider_unavailable"
    message = "The payment provider does not answer: try again with the same Idempotency-Key."


class ProviderLocked(ProviderAway):
    """The payment provider does not take this installation's key: it is mended here."""


class ProviderRefused(DomainError):
    """The payment provider does not do what was asked: a fault of the set-up."""

    code, status, error_type = "payment_provider_refused", 502, "server_error"
    message = "The payment provider refused: ask the operator of this installation."


class CustomerDeleted(ProviderRefused):
    """Somebody deleted the customer at the provider: another one is made when it is needed."""


class CardDeclined(DomainError):
    """The card's bank refused."""

    code, status, error_type = "card_declined", 402, "insufficient_quota"
    message = "The card was declined: use another one."


class PaymentEmpty(Conflict):
    """There is nothing to send back."""

    code = "payment_empty"
    message = "Nothing is left of this payment: only one that succeeded can be refunded."


class PaymentDisputed(Conflict):
    """Its bank decides over it."""

    code = "payment_disputed"
    message = (
        "Its bank asks this payment back: answer the dispute at the provider, and refund it"
        " only after it is won."
    )


class RefundExceeded(Conflict):
    """More than is left of a payment."""

    code = "refund_exceeds_payment"
    message = "That is more than can go back of this payment: refund less."


class RefundSent(Conflict):
    """It has gone back, or is on its way."""

    code = "refund_sent"
    message = "This refund was sent, or is on its way: only one that failed is sent again."


class ExportStateWrong(Conflict):
    """What is asked for is not possible in the state it has by now."""

    code = "meter_export_state"
    message = "Only what waits is parked, and only what is parked is sent again: look at it anew."


class EventDone(Conflict):
    """Acted on already."""

    code = "payment_event_done"
    message = "This event was acted on already, or there is none: nothing is to be done again."
