"""The shapes of answers about outcomes."""

from typing import Any

from rest_framework import serializers

from billing.outcomes.contracts import OutcomeKind, OutcomeState, Payment

_KINDS = [one.value for one in OutcomeKind]
_STATES = [one.value for one in OutcomeState]


class TermsOut(serializers.Serializer[Any]):
    """A contract's terms: what `terms_hash` is the hash of."""

    policy = serializers.CharField()
    version = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=_KINDS)
    name = serializers.DictField(child=serializers.CharField(), help_text="By language.")
    price = serializers.CharField(help_text="The success fee, or what one prediction costs.")
    currency = serializers.CharField()
    margin = serializers.CharField(help_text="Of a success fee: the least gain in macro-F1.")
    level = serializers.CharField(help_text="Of a success fee: what the p-value stays below.")
    window_days = serializers.IntegerField(
        allow_null=True, help_text="Of predictions: how long feedback counts."
    )
    dispute_days = serializers.IntegerField()
    subject = serializers.CharField(help_text="A `dsv_` or `dep_` id.")
    facts = serializers.DictField(help_text="Of the subject, such as the sealed rows' hash.")
    text = serializers.DictField(child=serializers.CharField(), help_text="By language.")


class PolicyOut(serializers.Serializer[Any]):
    """A policy on offer."""

    object = serializers.CharField()
    code = serializers.CharField()
    version = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=_KINDS)
    name = serializers.DictField(child=serializers.CharField(), help_text="By language.")
    price = serializers.CharField()
    currency = serializers.CharField()
    margin = serializers.CharField()
    level = serializers.CharField()
    window_days = serializers.IntegerField(allow_null=True)
    dispute_days = serializers.IntegerField()


class PolicyListOut(serializers.Serializer[Any]):
    """Policies, by code."""

    object = serializers.CharField()
    data = PolicyOut(many=True)  # type: ignore[assignment] # the API's name, not DRF's
    has_more = serializers.BooleanField()


class QuoteIn(serializers.Serializer[Any]):
    """What a contract would be about."""

    policy = serializers.CharField(max_length=50)
    subject = serializers.CharField(
        max_length=80,
        help_text="For a success fee a dataset version (`dsv_`), whose test rows are sealed; "
        "for predictions a deployment (`dep_`).",
    )


class AcceptIn(QuoteIn):
    """The terms to accept, as a quote named them."""

    terms_hash = serializers.CharField(max_length=64)


class QuoteOut(serializers.Serializer[Any]):
    """Terms to read before they are accepted."""

    object = serializers.CharField()
    terms = TermsOut()
    terms_hash = serializers.CharField()


class ContractOut(serializers.Serializer[Any]):
    """An accepted contract."""

    object = serializers.CharField()
    id = serializers.CharField()
    state = serializers.ChoiceField(choices=["in_force", "ended"])
    kind = serializers.ChoiceField(choices=_KINDS)
    subject = serializers.CharField()
    terms = TermsOut()
    terms_hash = serializers.CharField()
    accepted_by = serializers.CharField()
    accepted_at = serializers.DateTimeField()
    ended_by = serializers.CharField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)


class ContractListOut(serializers.Serializer[Any]):
    """Contracts, newest first."""

    object = serializers.CharField()
    data = ContractOut(many=True)  # type: ignore[assignment] # the API's name, not DRF's
    first_id = serializers.CharField(allow_null=True)
    last_id = serializers.CharField(allow_null=True)
    has_more = serializers.BooleanField()


class OutcomePeriodOut(serializers.Serializer[Any]):
    """Half open: it ends where the next one begins."""

    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()


class OutcomeOut(serializers.Serializer[Any]):
    """One thing that is owed, will be or will not."""

    object = serializers.CharField()
    id = serializers.CharField()
    contract = serializers.CharField()
    kind = serializers.ChoiceField(choices=_KINDS)
    subject = serializers.CharField(help_text="The job, or the deployment whose day it is.")
    period = OutcomePeriodOut(allow_null=True)
    state = serializers.ChoiceField(choices=_STATES)
    quantity = serializers.FloatField()
    unit_price = serializers.CharField()
    amount = serializers.CharField(help_text="Owed in the states confirmed and assumed.")
    currency = serializers.CharField()
    payment = serializers.ChoiceField(choices=[one.value for one in Payment], allow_null=True)
    settle_at = serializers.DateTimeField(
        allow_null=True, help_text="When it is assumed unless feedback says otherwise."
    )
    decided_at = serializers.DateTimeField(allow_null=True)
    dispute_until = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class StepOut(serializers.Serializer[Any]):
    """A step, by whom and on which grounds."""

    state = serializers.ChoiceField(choices=_STATES)
    at = serializers.DateTimeField()
    actor = serializers.CharField()
    evidence = serializers.DictField()


class OutcomeWholeOut(OutcomeOut):
    """An outcome with its evidence."""

    invoice = serializers.CharField(
        allow_null=True, help_text="The invoice that asks for it; null while none does."
    )
    invoice_number = serializers.CharField(allow_null=True)
    steps = StepOut(many=True)


class OutcomeListOut(serializers.Serializer[Any]):
    """Outcomes, newest first."""

    object = serializers.CharField()
    data = OutcomeOut(many=True)  # type: ignore[assignment] # the API's name, not DRF's
    first_id = serializers.CharField(allow_null=True)
    last_id = serializers.CharField(allow_null=True)
    has_more = serializers.BooleanField()


class DisputeIn(serializers.Serializer[Any]):
    """Why it is not owed."""

    reason = serializers.CharField(max_length=500)
