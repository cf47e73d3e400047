"""Shapes of payments."""

import re
from typing import Any

from rest_framework import serializers

from billing.payments.contracts import CheckoutState, Purpose

_EXACT = "A decimal number, exact, with all of the currency's decimals."
_PATH = re.compile(r"/[A-Za-z0-9][A-Za-z0-9._~/?&=%-]*")
STATUSES = ("processing", "succeeded", "failed", "refunded", "disputed")


class PathField(serializers.CharField):
    """A path of this site: nobody is sent elsewhere."""

    def to_internal_value(self, data: Any) -> str:
        """Refuse what is no path of ours."""
        text: str = super().to_internal_value(data)
        if not _PATH.fullmatch(text):
            raise serializers.ValidationError("A path of this site, such as /o/acme/billing.")
        return text


class CheckoutIn(serializers.Serializer[Any]):
    """What a page is wanted for."""

    purpose = serializers.ChoiceField(choices=[one.value for one in Purpose])
    amount = serializers.DecimalField(
        max_digits=20, decimal_places=6, required=False, help_text="For `top_up`."
    )
    currency = serializers.CharField(
        max_length=3, required=False, help_text="For the first top-up; later the account's."
    )
    plan = serializers.CharField(
        max_length=50, required=False, help_text="For `plan`: its code. A card is saved first."
    )
    time_zone = serializers.CharField(
        max_length=60, required=False, help_text="For the first plan, as the subscription's."
    )
    invoice = serializers.CharField(max_length=40, required=False, help_text="For `invoice`.")
    return_path = PathField(
        max_length=400, help_text="Where the customer comes back to; `checkout` is added to it."
    )


class CheckoutOut(serializers.Serializer[Any]):
    """A page at the payment provider."""

    id = serializers.CharField()
    object = serializers.CharField()
    purpose = serializers.ChoiceField(choices=[one.value for one in Purpose])
    status = serializers.ChoiceField(choices=[one.value for one in CheckoutState])
    url = serializers.CharField(allow_null=True, help_text="Null once it is over.")
    amount = serializers.CharField(allow_null=True, help_text=_EXACT)
    currency = serializers.CharField(allow_null=True)
    plan = serializers.CharField(allow_null=True)
    invoice = serializers.CharField(allow_null=True)
    expires_at = serializers.DateTimeField()
    error = serializers.CharField(
        allow_null=True, help_text="Why a plan was not begun though its card was saved."
    )


class DemoCardIn(serializers.Serializer[Any]):
    """A card of tests."""

    card_number = serializers.RegexField(r"\A[0-9]{12,19}\Z")
    exp = serializers.RegexField(r"\A(0[1-9]|1[0-2])/[0-9]{2}\Z", help_text="Such as 12/34.")
    cvc = serializers.RegexField(r"\A[0-9]{3,4}\Z")


class PortalIn(serializers.Serializer[Any]):
    """Where the customer comes back to."""

    return_path = PathField(max_length=400)


class PortalOut(serializers.Serializer[Any]):
    """The provider's page to mind cards."""

    url = serializers.CharField()


class PaymentMethodOut(serializers.Serializer[Any]):
    """A card that the provider keeps."""

    id = serializers.CharField()
    object = serializers.CharField()
    brand = serializers.CharField()
    last4 = serializers.CharField()
    exp_month = serializers.IntegerField()
    exp_year = serializers.IntegerField()
    is_default = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class PaymentMethodListOut(serializers.Serializer[Any]):
    """Cards, the default first."""

    object = serializers.CharField()
    data = PaymentMethodOut(many=True)  # type: ignore[assignment] # the API's name, not DRF's
    has_more = serializers.BooleanField()


class AutoTopUpIn(serializers.Serializer[Any]):
    """When credit is bought by itself."""

    enabled = serializers.BooleanField()
    threshold = serializers.DecimalField(
        max_digits=20, decimal_places=6, allow_null=True, required=False
    )
    amount = serializers.DecimalField(
        max_digits=20, decimal_places=6, allow_null=True, required=False
    )
    daily_cap = serializers.DecimalField(
        max_digits=20, decimal_places=6, allow_null=True, required=False
    )


class AutoTopUpOut(serializers.Serializer[Any]):
    """When credit is bought by itself."""

    object = serializers.CharField()
    enabled = serializers.BooleanField()
    currency = serializers.CharField()
    threshold = serializers.CharField(allow_null=True)
    amount = serializers.CharField(allow_null=True)
    daily_cap = serializers.CharField(allow_null=True)
    paused = serializers.CharField(
        allow_null=True, help_text="Why it waits: `daily_cap`, or why the card was refused."
    )
    paused_until = serializers.DateTimeField(
        allow_null=True, help_text="When it is tried again; saving it again tries at once."
    )


class PaymentOut(serializers.Serializer[Any]):
    """A try to collect, and what came of it."""

    id = serializers.CharField()
    object = serializers.CharField()
    status = serializers.ChoiceField(choices=list(STATUSES))
    purpose = serializers.ChoiceField(choices=[one.value for one in Purpose])
    amount = serializers.CharField(help_text=_EXACT)
    refunded = serializers.CharField(help_text=_EXACT)
    currency = serializers.CharField()
    invoice = serializers.CharField(allow_null=True)
    invoice_number = serializers.CharField(allow_null=True)
    brand = serializers.CharField(allow_null=True, help_text="The card's; null: not known.")
    last4 = serializers.CharField(allow_null=True)
    failure_code = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()


class PaymentListOut(serializers.Serializer[Any]):
    """Payments, newest first."""

    object = serializers.CharField()
    data = PaymentOut(many=True)  # type: ignore[assignment] # the API's name, not DRF's
    first_id = serializers.CharField(allow_null=True)
    last_id = serializers.CharField(allow_null=True)
    has_more = serializers.BooleanField()


class TopUpRangeOut(serializers.Serializer[Any]):
    """How much is paid at once."""

    least = serializers.CharField()
    most = serializers.CharField()


class PaymentSettingsOut(serializers.Serializer[Any]):
    """How this installation is paid."""

    object = serializers.CharField()
    provider = serializers.ChoiceField(choices=["stripe", "demo"])
    currency = serializers.CharField()
    top_up = TopUpRangeOut()
