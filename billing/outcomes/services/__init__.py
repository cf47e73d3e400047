"""The services of outcomes."""

from billing.outcomes.services.charging import NO_MONEY, by_invoice
from billing.outcomes.services.contracts import (
    outcome_contract_accept,
    outcome_contract_end,
    outcome_contract_quote,
)
from billing.outcomes.services.disputes import outcome_dispute, outcome_dispute_decide
from billing.outcomes.services.outcomes import (
    outcome_assume,
    outcome_confirm,
    outcome_count,
    outcome_offer,
    outcome_reverse,
)
from billing.outcomes.services.policies import (
    outcome_policy_add,
    outcome_policy_offer,
    outcome_policy_version_draft,
    outcome_policy_version_publish,
)

__all__ = [
    "NO_MONEY",
    "by_invoice",
    "outcome_assume",
    "outcome_confirm",
    "outcome_contract_accept",
    "outcome_contract_end",
    "outcome_contract_quote",
    "outcome_count",
    "outcome_dispute",
    "outcome_dispute_decide",
    "outcome_offer",
    "outcome_policy_add",
    "outcome_policy_offer",
    "outcome_policy_version_draft",
    "outcome_policy_version_publish",
    "outcome_reverse",
]
