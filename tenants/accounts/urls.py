"""Addresses of the accounts app, below `/v1/`."""

from django.urls import path

from tenants.accounts.api.me import InvitationAcceptView, MeView, OrganizationsView
from tenants.accounts.api.organization import (
    InvitationsView,
    InvitationView,
    MembersView,
    MemberView,
    OrganizationView,
)

urlpatterns = [
    path("me", MeView.as_view()),
    path("organizations", OrganizationsView.as_view()),
    path("organization", OrganizationView.as_view()),
    path("organization/members", MembersView.as_view()),
    path("organization/members/<str:user_id>", MemberView.as_view()),
    path("organization/invitations", InvitationsView.as_view()),
    path("organization/invitations/<str:invitation_id>", InvitationView.as_view()),
    path("invitations/accept", InvitationAcceptView.as_view()),
]
