"""The organization a call acts for: its name, members and invitations."""

from typing import ClassVar

from django.conf import settings
from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.api import TenantView, whole_list
from anneal.kernel.errors import PermissionDenied
from anneal.kernel.ids import parse_id
from anneal.kernel.principal import Permission, Role
from tenants.accounts import selectors, services
from tenants.accounts.api.schemas import (
    InvitationCreate,
    InvitationListOut,
    InvitationMadeOut,
    InvitationOut,
    MemberListOut,
    MemberOut,
    OrganizationName,
    OrganizationOut,
    RoleBody,
    invitation_json,
    member_json,
    organization_json,
)
from tenants.accounts.contracts import InvitationInfo, MemberInfo
from tenants.accounts.mails import invitation_send


class OrganizationView(TenantView):
    """Read and rename."""

    permission: ClassVar = {"GET": Permission.READ, "PATCH": Permission.MEMBERS}

    @extend_schema(operation_id="organization_retrieve", responses=OrganizationOut)
    def get(self, request: Request) -> Response:
        """Read the organization."""
        info = selectors.organization_get(organization=self.organization)
        return Response(organization_json(info, self.principal.role))

    @extend_schema(
        operation_id="organization_update", request=OrganizationName, responses=OrganizationOut
    )
    def patch(self, request: Request) -> Response:
        """Change the name. The slug never changes."""
        info = services.organization_rename(
            organization=self.organization,
            actor=self.actor,
            name=self.body(OrganizationName)["name"],
        )
        return Response(organization_json(info, self.principal.role))


class MembersView(TenantView):
    """Everybody in the organization."""

    permission: ClassVar = {"GET": Permission.READ}

    @extend_schema(operation_id="members_list", responses=MemberListOut)
    def get(self, request: Request) -> Response:
        """List the members."""
        members = selectors.members_list(organization=self.organization)
        return Response(whole_list([member_json(member) for member in members]))


class MemberView(TenantView):
    """One member."""

    # Leaving is everybody's right; removing others is checked in the handler.
    permission: ClassVar = {
        "GET": Permission.READ,
        "PATCH": Permission.MEMBERS,
        "DELETE": Permission.READ,
    }
    located: MemberInfo

    def locate(self, request: Request, **ids: str) -> MemberInfo:
        """Find the member."""
        return selectors.member_get(
            organization=self.organization, user_id=parse_id("usr_", ids["user_id"])
        )

    @extend_schema(operation_id="members_retrieve", responses=MemberOut)
    def get(self, request: Request, user_id: str) -> Response:
        """Read one member."""
        return Response(member_json(self.located))

    @extend_schema(operation_id="members_update", request=RoleBody, responses=MemberOut)
    def patch(self, request: Request, user_id: str) -> Response:
        """Change the role."""
        services.membership_change_role(
            organization=self.organization,
            actor=self.actor,
            actor_role=self.principal.acting_role,
            user_id=self.located.user_id,
            role=Role(self.body(RoleBody)["role"]),
        )
        changed = selectors.member_get(organization=self.organization, user_id=self.located.user_id)
        return Response(member_json(changed))

    @extend_schema(operation_id="members_remove", request=None, responses={204: None})
    def delete(self, request: Request, user_id: str) -> Response:
        """Remove a member, or leave. The person's keys are revoked."""
        leaving = self.principal.key_id is None and self.actor.id == self.located.user_id
        if not leaving and not self.principal.can(Permission.MEMBERS):
            raise PermissionDenied(
                f"This needs the permission '{Permission.MEMBERS}':"
                f" your role is {self.principal.role}."
            )
        services.membership_remove(
            organization=self.organization,
            actor=self.actor,
            actor_role=self.principal.acting_role,
            user_id=self.located.user_id,
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class InvitationsView(TenantView):
    """Open invitations."""

    permission: ClassVar = {"GET": Permission.MEMBERS, "POST": Permission.MEMBERS}

    @extend_schema(operation_id="invitations_list", responses=InvitationListOut)
    def get(self, request: Request) -> Response:
        """List invitations that wait."""
        waiting = selectors.invitations_open(organization=self.organization)
        return Response(whole_list([invitation_json(one) for one in waiting]))

    @extend_schema(
        operation_id="invitations_create",
        request=InvitationCreate,
        responses={201: InvitationMadeOut},
    )
    def post(self, request: Request) -> Response:
        """Invite somebody: a mail goes out, and the answer holds its link, this once."""
        body = self.body(InvitationCreate)
        made = services.invitation_create(
            organization=self.organization,
            actor=self.actor,
            actor_role=self.principal.acting_role,
            email=body["email"],
            role=Role(body["role"]),
        )
        name = selectors.organization_get(organization=self.organization).name
        url = f"{settings.ANNEAL_SITE_URL}/invite/{made.token}"
        # After the commit: no mail server is waited for inside a transaction, and a mail that
        # fails leaves an invitation whose link the inviter can still hand over.
        transaction.on_commit(
            lambda: invitation_send(made.invitation.email, name, self.actor.label, url),
            robust=True,
        )
        return Response(
            {**invitation_json(made.invitation), "url": url}, status=status.HTTP_201_CREATED
        )


class InvitationView(TenantView):
    """One open invitation."""

    permission: ClassVar = {"GET": Permission.MEMBERS, "DELETE": Permission.MEMBERS}
    located: InvitationInfo

    def locate(self, request: Request, **ids: str) -> InvitationInfo:
        """Find the invitation."""
        return selectors.invitation_get(
            organization=self.organization, invitation_id=parse_id("inv_", ids["invitation_id"])
        )

    @extend_schema(operation_id="invitations_retrieve", responses=InvitationOut)
    def get(self, request: Request, invitation_id: str) -> Response:
        """Read one invitation."""
        return Response(invitation_json(self.located))

    @extend_schema(operation_id="invitations_revoke", request=None, responses={204: None})
    def delete(self, request: Request, invitation_id: str) -> Response:
        """Close an invitation."""
        services.invitation_revoke(
            organization=self.organization, actor=self.actor, invitation_id=self.located.id
        )
        return Response(status=status.HTTP_204_NO_CONTENT)
