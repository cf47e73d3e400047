"""Callers with a browser session: CSRF enforced, organization by header."""

from typing import Final

from django.contrib.auth import get_user
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from anneal.kernel.errors import (
    NotFound,
    OrganizationRequired,
    OrganizationSuspended,
    PermissionDenied,
)
from anneal.kernel.ids import parse_id
from anneal.kernel.principal import Actor, Principal
from tenants.accounts.contracts import MembershipInfo
from tenants.accounts.models import User
from tenants.accounts.selectors import memberships_of_user

HEADER: Final = "Anneal-Organization"


def authenticate_session(request: HttpRequest) -> Principal | None:
    """Return the signed-in person acting for the organization the header names.

    None without a session. Without the header the only membership counts, else
    `organization_required`; an organization of others is NotFound, as any foreign id.
    """
    user = session_user(request)
    if user is None:
        return None
    membership = _chosen(memberships_of_user(user.id), _named(request))
    if membership.suspended:
        raise OrganizationSuspended
    return Principal(
        organization=membership.organization,
        actor=Actor(kind="user", id=user.id, label=user.email),
        role=membership.role,
    )


def session_user(request: HttpRequest) -> User | None:
    """Return the signed-in person, or None. PermissionDenied when the CSRF token is wrong."""
    # Not request.user: the REST framework overwrites it before a view's own authentication.
    user = get_user(request)
    if not isinstance(user, User) or not user.is_active:
        return None
    _check_csrf(request)
    return user


def _named(request: HttpRequest) -> str | None:
    """Return the organization named; a browser's event stream cannot send headers."""
    named = request.headers.get(HEADER)
    if named is None and request.method == "GET":
        return request.GET.get("organization")
    return named


def _chosen(memberships: list[MembershipInfo], header: str | None) -> MembershipInfo:
    if header:
        wanted = parse_id("org_", header)
        found = [one for one in memberships if one.organization.id == wanted]
        if not found:
            raise NotFound(f"You belong to no organization with the id '{header[:80]}'.")
        return found[0]
    if len(memberships) != 1:
        raise OrganizationRequired(
            None
            if memberships
            else "You belong to no organization: make one or accept an invitation."
        )
    return memberships[0]


class _CsrfCheck(CsrfViewMiddleware):
    """Django's check, with its verdict returned instead of a page."""

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponse:
        return reason  # type: ignore[return-value] # the caller wants the reason alone


def _check_csrf(request: HttpRequest) -> None:
    check = _CsrfCheck(lambda _request: HttpResponse())
    check.process_request(request)
    # REST views are exempt from the middleware (keys need no token), so it is asked for here,
    # with the mark of an earlier exemption taken off.
    reason = check.process_view(request, lambda _request: HttpResponse(), (), {})
    if reason:
        raise PermissionDenied(f"The CSRF token is missing or wrong ({reason}): reload the page.")
