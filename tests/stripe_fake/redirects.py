"""Payment methods that the Dashboard enables, some of which lead away from the shop and back."""

from tests.stripe_fake.account import Object
from tests.stripe_fake.errors import InvalidParameter, InvalidRequest
from tests.stripe_fake.forms import Params


def automatic(params: Params) -> Object:
    """Since 2023-08-16 what the Dashboard enables is accepted unless the call says otherwise."""
    asked = params.inside("automatic_payment_methods", "allow_redirects enabled")
    redirects = asked.choice("allow_redirects", "always", "never") or "always"
    return {"allow_redirects": redirects, "enabled": asked.boolean("enabled") is not False}


KINDS = ("card", "us_bank_account")


def types_checked(params: Params, *, currency: str | None) -> list[str] | None:
    """The kinds of payment methods that a call names, if the account and the currency allow it."""
    types = params.texts("payment_method_types")
    if types and "automatic_payment_methods" in params:
        raise InvalidParameter(
            "You may only specify one of these parameters: automatic_payment_methods, "
            "payment_method_types.",
            code="parameters_exclusive",
        )
    for kind in types or ():
        if kind not in KINDS:
            raise InvalidRequest(
                f"The payment method type provided: {kind} is invalid. Please ensure the provided "
                "type is activated in your dashboard and your account is enabled for any preview "
                "features that you are trying to use.",
                param="payment_method_types",
            )
    if types and "us_bank_account" in types and currency not in {None, "usd"}:
        raise InvalidRequest(
            f"The payment method `us_bank_account` cannot be used with the currency `{currency}`.",
            param="payment_method_types",
        )
    return types


def return_url_checked(intent: Object, params: Params, noun: str) -> None:
    """Refuse to confirm where a customer could be led away and would not find back."""
    methods = intent["automatic_payment_methods"]
    leads_away = bool(methods) and methods["enabled"] and methods["allow_redirects"] != "never"
    if leads_away and "return_url" not in params:
        raise InvalidRequest(
            f"This {noun} is configured to accept payment methods enabled in your Dashboard. "
            "Because some of these payment methods might redirect your customer off of your "
            "page, you must provide a `return_url`. If you don't want to accept redirect-based "
            "payment methods, set `automatic_payment_methods[enabled]` to `true` and "
            "`automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents "
            "and Payment Intents."
        )
