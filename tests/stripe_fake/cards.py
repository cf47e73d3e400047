"""Stripe's own test payment methods and what each of them does (docs.stripe.com/testing)."""

from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True)
class Decline:
    """Why a card is declined, in Stripe's words."""

    code: str
    decline_code: str | None
    message: str


@dataclass(frozen=True)
class TestMethod:
    """A payment method that behaves as its name says."""

    __test__ = False  # pytest would collect it for its name

    last4: str
    brand: str = "visa"
    funding: str = "credit"
    country: str = "US"
    type: Literal["card", "us_bank_account"] = "card"
    declines: Decline | None = None
    """What every charge ends in."""
    attaches: bool = True
    """Whether it can be saved at all; a card that declines cannot."""
    authentication: Literal["never", "unless_set_up", "always"] = "never"
    set_up: bool = False
    """Whether it was set up for use off session before it came here."""
    dispute: Literal["fraudulent", "product_not_received"] | None = None
    inquiry: bool = False
    refund: Literal["succeeded", "pending", "failed"] = "succeeded"
    settles: Literal["at_once", "later", "never"] = "at_once"


def _declined(decline_code: str, message: str = "Your card was declined.") -> Decline:
    return Decline("card_declined", decline_code, message)


_FUNDS = _declined("insufficient_funds", "Your card has insufficient funds.")
_DECLINES = {
    "": ("0002", _declined("generic_decline")),
    "InsufficientFunds": ("9995", _FUNDS),
    "LostCard": ("9987", _declined("lost_card")),
    "StolenCard": ("9979", _declined("stolen_card")),
    "ExpiredCard": ("0069", Decline("expired_card", None, "Your card has expired.")),
    "IncorrectCvc": (
        "0127",
        Decline("incorrect_cvc", None, "Your card's security code is incorrect."),
    ),
    "ProcessingError": (
        "0119",
        Decline(
            "processing_error",
            None,
            "An error occurred while processing your card. Try again in a little bit.",
        ),
    ),
    "VelocityLimitExceeded": (
        "6975",
        _declined(
            "card_velocity_exceeded",
            "Your card was declined for making repeated attempts too frequently or exceeding "
            "its amount limit.",
        ),
    ),
}
AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
_BANK = TestMethod(last4="6789", type="us_bank_account", settles="later")
_NO_MONEY = Decline(
    "payment_method_customer_decline", None, "The customer's account has insufficient funds."
)

METHODS: dict[str, TestMethod] = {
    "pm_card_visa": TestMethod("4242"),
    "pm_card_visa_debit": TestMethod("5556", funding="debit"),
    "pm_card_mastercard": TestMethod("4444", "mastercard"),
    "pm_card_mastercard_debit": TestMethod("8210", "mastercard", "debit"),
    "pm_card_amex": TestMethod("8431", "amex"),
    "pm_card_discover": TestMethod("1117", "discover"),
    "pm_card_jcb": TestMethod("0505", "jcb", country="JP"),
    "pm_card_unionpay": TestMethod("0005", "unionpay", country="CN"),
    "pm_card_us": TestMethod("4242"),
    "pm_card_gb": TestMethod("0000", country="GB"),
    "pm_card_de": TestMethod("0016", country="DE"),
    "pm_card_cn": TestMethod("0002", country="CN"),
    "pm_card_jp": TestMethod("0003", country="JP"),
    **{
        f"pm_card_{visa}chargeDeclined{name}": TestMethod(last4, declines=decline, attaches=False)
        for name, (last4, decline) in _DECLINES.items()
        for visa in ("", "visa_")
    },
    "pm_card_chargeCustomerFail": TestMethod("0341", declines=_DECLINES[""][1]),
    "pm_card_authenticationRequired": TestMethod("3184", authentication="always"),
    "pm_card_authenticationRequiredOnSetup": TestMethod("3155", authentication="unless_set_up"),
    "pm_card_authenticationRequiredSetupForOffSession": TestMethod(
        "0446", authentication="unless_set_up", set_up=True
    ),
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": TestMethod(
        "8260", authentication="always", declines=_FUNDS
    ),
    "pm_card_threeDSecure2Required": TestMethod("3220", authentication="always"),
    "pm_card_createDispute": TestMethod("0259", dispute="fraudulent"),
    "pm_card_createDisputeProductNotReceived": TestMethod("2685", dispute="product_not_received"),
    "pm_card_createDisputeInquiry": TestMethod("1976", dispute="fraudulent", inquiry=True),
    "pm_card_pendingRefund": TestMethod("7726", refund="pending"),
    "pm_card_refundFail": TestMethod("5126", refund="failed"),
    "pm_usBankAccount_success": _BANK,
    "pm_usBankAccount_insufficientFunds": replace(_BANK, last4="2227", declines=_NO_MONEY),
    "pm_usBankAccount_processing": replace(_BANK, last4="0009", settles="never"),
}
