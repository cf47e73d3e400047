"""What contracts are about is known above: rooms of models register how it is found and bound."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from anneal.kernel.scopes import OrganizationRef
from billing.outcomes.contracts import OutcomeKind


@dataclass(frozen=True, slots=True)
class SubjectPort:
    """How one kind of contract is bound to what it is about, by the subject's public id.

    Each runs in the open scope. ``facts`` raises where the organization has no such thing or it
    does not fit, and returns what the customer shall read of it. ``begin`` and ``end`` make the
    contract, by its id, take effect and no longer.
    """

    facts: Callable[[OrganizationRef, str], Mapping[str, Any]]
    begin: Callable[[OrganizationRef, UUID, str], None]
    end: Callable[[OrganizationRef, UUID, str], None]


_ports: Final[dict[OutcomeKind, SubjectPort]] = {}


def subject_port_register(kind: OutcomeKind, port: SubjectPort) -> None:
    """Say how contracts of a kind are bound. Registering again replaces."""
    _ports[kind] = port


def subject_port(kind: OutcomeKind) -> SubjectPort:
    """Return how contracts of a kind are bound."""
    return _ports[kind]
