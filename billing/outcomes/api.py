"""`/v1/billing/outcome_policies`, `outcome_contracts` and `outcomes`."""

from typing import Any, ClassVar, Final

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.api import TenantView, page, whole_list
from anneal.kernel.errors import InvalidRequest
from anneal.kernel.ids import parse_id
from anneal.kernel.principal import Permission
from billing.outcomes.contracts import (
    CONTRACT_PREFIX,
    OUTCOME_PREFIX,
    ContractInfo,
    OutcomeInfo,
    OutcomeState,
)
from billing.outcomes.render import (
    contract_json,
    outcome_json,
    outcome_whole_json,
    policy_json,
    quote_json,
)
from billing.outcomes.rows import contract_info, outcome_info
from billing.outcomes.schemas import (
    AcceptIn,
    ContractListOut,
    ContractOut,
    DisputeIn,
    OutcomeListOut,
    OutcomeOut,
    OutcomeWholeOut,
    PolicyListOut,
    QuoteIn,
    QuoteOut,
)
from billing.outcomes.selectors import (
    contract_get,
    contracts_rows,
    outcome_get,
    outcome_invoice,
    outcome_steps,
    outcomes_rows,
    policies_offered,
)
from billing.outcomes.services import (
    outcome_contract_accept,
    outcome_contract_end,
    outcome_contract_quote,
    outcome_dispute,
)

_PAGING: Final = [
    OpenApiParameter("after", str, description="The last id seen."),
    OpenApiParameter("limit", int, description="1 to 100."),
]
_STATES: Final = [one.value for one in OutcomeState]


class OutcomePoliciesView(TenantView):
    """What is on offer."""

    permission = Permission.BILLING_READ

    @extend_schema(operation_id="billing_outcome_policies", responses=PolicyListOut)
    def get(self, request: Request) -> Response:
        """List the policies that a contract can be made of."""
        return Response(whole_list([policy_json(policy) for policy in policies_offered()]))


class OutcomeQuoteView(TenantView):
    """A contract before it is one."""

    permission = Permission.BILLING_READ

    @extend_schema(
        operation_id="billing_outcome_contracts_quote", request=QuoteIn, responses=QuoteOut
    )
    def post(self, request: Request) -> Response:
        """Return the terms as they would be accepted, in both languages, with their hash."""
        body = self.body(QuoteIn)
        return Response(quote_json(outcome_contract_quote(organization=self.organization, **body)))


class OutcomeContractsView(TenantView):
    """Contracts."""

    permission: ClassVar = {"GET": Permission.BILLING_READ, "POST": Permission.BILLING_MANAGE}
    idempotency: ClassVar = {"POST": "optional"}

    @extend_schema(
        operation_id="billing_outcome_contracts_list",
        parameters=_PAGING,
        responses=ContractListOut,
    )
    def get(self, request: Request) -> Response:
        """List the contracts."""
        rows = contracts_rows(organization=self.organization)
        return Response(
            page(
                rows,
                request,
                prefix=CONTRACT_PREFIX,
                render=lambda row: contract_json(contract_info(row)),
            )
        )

    @extend_schema(
        operation_id="billing_outcome_contracts_accept",
        request=AcceptIn,
        responses={201: ContractOut},
    )
    def post(self, request: Request) -> Response:
        """Accept the terms of a quote: they bind from now on."""
        contract = outcome_contract_accept(
            organization=self.organization, actor=self.actor, **self.body(AcceptIn)
        )
        return Response(contract_json(contract), status=201)


class _OneContract(TenantView):
    located: ContractInfo

    def locate(self, request: Request, **ids: str) -> ContractInfo:
        """Find it among the organization's."""
        contract_id = parse_id(CONTRACT_PREFIX, ids["outcome_contract_id"])
        return contract_get(organization=self.organization, contract_id=contract_id)


class OutcomeContractView(_OneContract):
    """One contract."""

    permission = Permission.BILLING_READ

    @extend_schema(operation_id="billing_outcome_contracts_retrieve", responses=ContractOut)
    def get(self, request: Request, outcome_contract_id: str) -> Response:
        """Read a contract."""
        return Response(contract_json(self.located))


class OutcomeContractEndView(_OneContract):
    """The end of a contract."""

    permission = Permission.BILLING_MANAGE

    @extend_schema(
        operation_id="billing_outcome_contracts_end", request=None, responses=ContractOut
    )
    def post(self, request: Request, outcome_contract_id: str) -> Response:
        """End a contract: nothing new happens under it, what happened is settled as it says."""
        ended = outcome_contract_end(
            organization=self.organization, actor=self.actor, contract_id=self.located.id
        )
        return Response(contract_json(ended))


class OutcomesView(TenantView):
    """Outcomes."""

    permission = Permission.BILLING_READ

    @extend_schema(
        operation_id="billing_outcomes_list",
        parameters=[
            *_PAGING,
            OpenApiParameter("contract", str, description="An `oc_` id."),
            OpenApiParameter("state", str, enum=_STATES),
        ],
        responses=OutcomeListOut,
    )
    def get(self, request: Request) -> Response:
        """List the outcomes, of all contracts or of one, in any state or in one."""
        asked: Any = request.query_params
        state, contract = asked.get("state") or None, asked.get("contract") or None
        if state is not None and state not in _STATES:
            raise InvalidRequest(f"state is one of {', '.join(_STATES)}.", param="state")
        rows = outcomes_rows(
            organization=self.organization,
            contract_id=parse_id(CONTRACT_PREFIX, contract) if contract else None,
            state=OutcomeState(state) if state else None,
        )
        return Response(
            page(
                rows,
                request,
                prefix=OUTCOME_PREFIX,
                render=lambda row: outcome_json(outcome_info(row)),
            )
        )


class _OneOutcome(TenantView):
    located: OutcomeInfo

    def locate(self, request: Request, **ids: str) -> OutcomeInfo:
        """Find it among the organization's."""
        outcome_id = parse_id(OUTCOME_PREFIX, ids["outcome_id"])
        return outcome_get(organization=self.organization, outcome_id=outcome_id)


class OutcomeView(_OneOutcome):
    """One outcome."""

    permission = Permission.BILLING_READ

    @extend_schema(operation_id="billing_outcomes_retrieve", responses=OutcomeWholeOut)
    def get(self, request: Request, outcome_id: str) -> Response:
        """Read an outcome with the evidence of each of its steps."""
        steps = outcome_steps(organization=self.organization, outcome_id=self.located.id)
        invoice = outcome_invoice(organization=self.organization, outcome=self.located)
        return Response(outcome_whole_json(self.located, steps, invoice))


class OutcomeDisputeView(_OneOutcome):
    """A dispute."""

    permission = Permission.BILLING_MANAGE

    @extend_schema(operation_id="billing_outcomes_dispute", request=DisputeIn, responses=OutcomeOut)
    def post(self, request: Request, outcome_id: str) -> Response:
        """Say that an outcome is not owed; the operator of this installation decides."""
        disputed = outcome_dispute(
            organization=self.organization,
            actor=self.actor,
            outcome_id=self.located.id,
            reason=self.body(DisputeIn)["reason"],
        )
        return Response(outcome_json(disputed))
