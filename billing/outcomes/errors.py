"""Refusals of outcomes."""

from anneal.kernel.errors import Conflict, InvalidRequest, NotFound


class OutcomePolicyUnknown(NotFound):
    """No such policy, or none that is offered."""

    code = "outcome_policy_not_found"
    message = "No such policy: GET /v1/billing/outcome_policies lists those offered here."


class OutcomePolicyInvalid(InvalidRequest):
    """Terms that cannot be kept."""

    code = "outcome_policy_invalid"
    message = "The policy cannot be kept: give a price above 0 and 1 to 90 days to dispute."


class OutcomePolicyTaken(Conflict):
    """A policy of this code exists."""

    code = "outcome_policy_taken"
    message = "A policy with this code exists: choose another, or draft a version of it."


class OutcomePolicyPublished(Conflict):
    """A version that is offered is a promise."""

    code = "outcome_policy_published"
    message = "This version is published and never changes: draft a new version of the policy."


class OutcomeContractUnknown(NotFound):
    """The organization has no such contract."""

    message = "No such outcome contract: GET /v1/billing/outcome_contracts lists yours."


class OutcomeContractExists(Conflict):
    """One contract at a time about the same thing."""

    code = "outcome_contract_exists"
    message = "A contract about this is in force: end it before you accept another."


class OutcomeContractEnded(Conflict):
    """Nothing new happens under a contract that has ended."""

    code = "outcome_contract_ended"
    message = "This outcome contract has ended: accept a new one."


class OutcomeContractBusy(Conflict):
    """A job runs under it."""

    code = "outcome_contract_busy"
    message = "A job runs under this contract: wait for its end, or cancel it first."


class OutcomeContractUnfit(InvalidRequest):
    """A contract that is for something else."""

    code = "outcome_contract_unfit"
    message = "This outcome contract is not for that: choose one of the right kind."


class OutcomeTermsChanged(Conflict):
    """What was read is not what would be accepted."""

    code = "outcome_terms_changed"
    message = "The terms are not those you read: ask for a quote again and accept its terms_hash."


class OutcomeCurrency(Conflict):
    """An account is kept in one currency."""

    code = "outcome_currency"
    message = "The account is kept in another currency: choose a policy in that currency."


class OutcomeUnknown(NotFound):
    """The organization has no such outcome."""

    message = "No such outcome: GET /v1/billing/outcomes lists yours."


class OutcomeSettled(Conflict):
    """A step that an outcome cannot take from where it stands."""

    code = "outcome_settled"
    message = "The outcome has gone on meanwhile: read it again."


class OutcomeDisputeLate(Conflict):
    """Only what is owed can be disputed, and only for a while."""

    code = "outcome_dispute_late"
    message = "Only an outcome that is owed can be disputed, until its dispute_until."
