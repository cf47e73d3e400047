"""The signed-in person, whatever the organization: `/v1/me`, new organizations, joining one."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.api import OpenView
from anneal.kernel.errors import AuthenticationFailed, OrganizationSuspended
from anneal.kernel.principal import Actor, Role
from anneal.kernel.scopes import tenant_scope
from tenants.accounts.api.schemas import (
    InvitationToken,
    MeChange,
    MembershipOut,
    MeOut,
    OrganizationName,
    OrganizationOut,
    me_json,
    membership_json,
    organization_json,
)
from tenants.accounts.authentication import session_user
from tenants.accounts.contracts import UserInfo
from tenants.accounts.rows import user_info
from tenants.accounts.selectors import memberships_of_user, organization_get
from tenants.accounts.services import (
    invitation_accept,
    organization_allow,
    organization_create,
    organization_draft,
    user_preferences_change,
)
from tenants.accounts.services.invitations import invitation_find


class SessionView(OpenView):
    """A view for a signed-in person, outside any organization. API keys do not open it."""

    def person(self) -> UserInfo:
        """Return who is signed in; AuthenticationFailed otherwise."""
        user = session_user(self.request._request)
        if user is None:
            raise AuthenticationFailed("Sign in first.")
        return user_info(user)


class MeView(SessionView):
    """The person and their organizations."""

    @extend_schema(operation_id="me_retrieve", responses=MeOut)
    def get(self, request: Request) -> Response:
        """Read the signed-in person."""
        return self._answer(self.person())

    @extend_schema(operation_id="me_update", request=MeChange, responses=MeOut)
    def patch(self, request: Request) -> Response:
        """Change name, language or colour scheme."""
        person = self.person()
        return self._answer(user_preferences_change(user_id=person.id, **self.body(MeChange)))

    @staticmethod
    def _answer(person: UserInfo) -> Response:
        return Response(me_json(person, memberships_of_user(person.id)))


class OrganizationsView(SessionView):
    """Making one more organization."""

    @extend_schema(
        operation_id="organizations_create",
        request=OrganizationName,
        responses={201: OrganizationOut},
    )
    def post(self, request: Request) -> Response:
        """Make an organization, with the caller as its owner."""
        person = self.person()
        body: dict[str, Any] = self.body(OrganizationName)
        organization = organization_draft(body["name"])
        with tenant_scope(organization):
            organization_allow(user_id=person.id)
            info = organization_create(
                organization=organization,
                actor=_actor(person),
                name=body["name"],
                owner_id=person.id,
            )
        return Response(organization_json(info, Role.OWNER), status=status.HTTP_201_CREATED)


class InvitationAcceptView(SessionView):
    """Joining an organization by its invitation."""

    @extend_schema(
        operation_id="invitations_accept", request=InvitationToken, responses=MembershipOut
    )
    def post(self, request: Request) -> Response:
        """Accept an invitation sent to the signed-in address."""
        person = self.person()
        token = self.body(InvitationToken)["token"]
        organization = invitation_find(token)
        with tenant_scope(organization):
            if organization_get(organization=organization).suspended_at:
                raise OrganizationSuspended
            invitation_accept(
                organization=organization, actor=_actor(person), user=person, token=token
            )
        joined = [
            one for one in memberships_of_user(person.id) if one.organization.id == organization.id
        ]
        return Response(membership_json(joined[0]))


def _actor(person: UserInfo) -> Actor:
    return Actor(kind="user", id=person.id, label=person.email)
