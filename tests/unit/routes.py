"""Every route of the API, taken from the URLconf, and addresses with real ids in them.

A new route with an id needs a line in MAKERS.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from anneal.kernel.api import TenantView
from anneal.kernel.scopes import OrganizationRef
from tests.unit import foreign

METHODS = ("get", "post", "put", "patch", "delete")

MAKERS: dict[str, Callable[[OrganizationRef], str]] = {
    "dataset_id": foreign.dataset_id,
    "file_id": foreign.file_id,
    "version_id": foreign.version_id,
    "job_id": foreign.job_id,
    "checkpoint_id": foreign.checkpoint_id,
    "model": foreign.model_name,
    "deployment_id": foreign.deployment_id,
    "prediction_id": foreign.prediction_id,
    "key_id": foreign.key_id,
    "user_id": foreign.user_id,
    "invitation_id": foreign.invitation_id,
    "budget_id": foreign.budget_id,
    "webhook_id": foreign.webhook_id,
    "delivery_id": foreign.delivery_id,
    "export_id": foreign.export_id,
    "stage": foreign.stage_name,
    "batch_id": foreign.batch_id,
    "invoice_id": foreign.invoice_id,
    "credit_note_id": foreign.credit_note_id,
    "outcome_contract_id": foreign.outcome_contract_id,
    "outcome_id": foreign.outcome_id,
    "checkout_id": foreign.checkout_id,
    "payment_method_id": foreign.payment_method_id,
}


def routes(
    patterns: list[URLPattern | URLResolver] | None = None, prefix: str = ""
) -> Iterator[tuple[str, URLPattern]]:
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, path)
        elif path.startswith("v1/"):
            yield path, pattern


def view_class(pattern: URLPattern) -> type[Any] | None:
    return getattr(pattern.callback, "view_class", None) or getattr(pattern.callback, "cls", None)


def tenant_calls() -> list[tuple[str, str]]:
    return [
        (path, method)
        for path, pattern in routes()
        for view in [view_class(pattern)]
        if view is not None and issubclass(view, TenantView)
        for method in METHODS
        if hasattr(view, method)
    ]


def names(path: str) -> list[str]:
    """Return the names of a route's ids."""
    return [part.split(">")[0].split(":")[-1] for part in path.split("<")[1:]]


def made(path: str, owner: OrganizationRef) -> dict[str, str]:
    """Make an object of ``owner`` for each id in a route; their ids by name."""
    return {name: MAKERS[name](owner) for name in names(path)}


def filled(path: str, ids: Mapping[str, str]) -> str:
    """Return the route's address with these ids."""
    address = path
    for part in path.split("<")[1:]:
        token = part.split(">")[0]
        address = address.replace(f"<{token}>", ids[token.split(":")[-1]])
    return f"/{address}"


def replaced(path: str, text: str) -> str:
    """Return the route's address with ``text`` for every id."""
    made = path
    for part in path.split("<")[1:]:
        made = made.replace(f"<{part.split('>')[0]}>", text)
    return f"/{made}"
