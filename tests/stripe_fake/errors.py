"""Stripe's refusals: one class for each `type` of error that a client can meet."""

from typing import Any

DOCS = "https://stripe.com/docs/error-codes/"


class StripeError(Exception):
    """An answer that is not 200, in the form Stripe gives it."""

    type = "invalid_request_error"
    status = 400
    saved = True
    """Whether an idempotency key keeps this answer: it does once the endpoint began its work."""

    def __init__(self, message: str, *, status: int | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.status = status or self.status
        self.details = {name: value for name, value in details.items() if value is not None}

    def body(self) -> dict[str, Any]:
        """The body of the answer."""
        code = self.details.get("code")
        link = {"doc_url": DOCS + code.replace("_", "-")} if code else {}
        return {"error": {"message": self.message, "type": self.type, **link, **self.details}}


class InvalidRequest(StripeError):
    """What was asked cannot be done in the present state."""


class InvalidParameter(StripeError):
    """A parameter is wrong in itself, so no endpoint began."""

    saved = False


class UnknownUrl(StripeError):
    """Stripe has no such call."""

    status = 404
    saved = False


class Unauthenticated(StripeError):
    """The key is missing or wrong."""

    status = 401
    saved = False


class CardDeclined(StripeError):
    """The card was declined, or its owner must authenticate."""

    type = "card_error"
    status = 402


class IdempotencyConflict(StripeError):
    """The idempotency key belongs to another request."""

    type = "idempotency_error"
    saved = False


class RateLimited(StripeError):
    """Too many requests, or an object that another request holds."""

    status = 429
    saved = False


class ApiError(StripeError):
    """Something broke on Stripe's side; the key keeps this answer too."""

    type = "api_error"
    status = 500


class NotServed(StripeError):
    """Stripe knows this and the fake does not: the fake must be extended, never guess."""

    type = "api_error"
    status = 501
    saved = False


def missing(kind: str, wanted: str, *, param: str, status: int) -> InvalidRequest:
    """The refusal of an id that names nothing; 404 in a path and 400 in a parameter."""
    return InvalidRequest(
        f"No such {NOUNS.get(kind, kind)}: '{wanted}'",
        status=status,
        code="resource_missing",
        param=param,
    )


NOUNS = {
    "payment_method": "PaymentMethod",
    "setup_intent": "setupintent",
    "webhook_endpoint": "webhook endpoint",
    "balance_transaction": "balance transaction",
}
"""Where Stripe's sentence names the object otherwise than its `object`."""
