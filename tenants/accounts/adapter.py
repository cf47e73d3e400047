"""Our hooks into allauth: sign-up makes an organization; mail speaks the reader's language."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.http import HttpRequest
from django.utils import translation

from anneal.kernel.principal import Actor
from anneal.kernel.scopes import tenant_scope
from tenants.accounts.forms import SignupForm
from tenants.accounts.models import Language, User
from tenants.accounts.services.organizations import organization_create, organization_draft


@dataclass(frozen=True, slots=True)
class Site:
    """What mail templates say about the sender."""

    name: str
    domain: str


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc] # allauth ships no types
    """Adapter, not signals: what happens at sign-up is one function to read."""

    def save_user(
        self, request: HttpRequest, user: User, form: SignupForm, commit: bool = True
    ) -> User:
        """Save the person and their organization in one transaction; the trial comes with it."""
        user.name = form.cleaned_data.get("name", "").strip()
        user.language = _language()
        if not commit:
            return super().save_user(request, user, form, commit)  # type: ignore[no-any-return] # allauth
        organization = organization_draft(form.cleaned_data["email"])
        with tenant_scope(organization):
            super().save_user(request, user, form, commit)
            organization_create(
                organization=organization,
                actor=Actor(kind="user", id=user.id, label=user.email),
                name=_workspace_name(user),
                owner_id=user.id,
            )
        return user

    def set_password(self, user: User, password: str) -> None:
        """Change it, and end the person's other sessions, with the keys of their pages.

        Django refuses such sessions when they come again; a key would go on until its hour is over.
        """
        super().set_password(user, password)
        for session in UserSession.objects.filter(user=user):
            if not session.is_current():
                session.end()

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send in the reader's language when the reader is known, else in the request's."""
        user = context.get("user")
        language = user.language if isinstance(user, User) else _language()
        with translation.override(language):
            super().send_mail(template_prefix, email, context | {"current_site": _site()})


def _site() -> Site:
    """Name the product in mails, where Django would name the host of the request."""
    return Site(name="Anneal", domain=urlsplit(settings.ANNEAL_SITE_URL).netloc)


def _language() -> str:
    """Return the language of the request, as one of ours."""
    current = translation.get_language() or ""
    return Language.CHINESE if current.startswith("zh") else Language.ENGLISH


def _workspace_name(user: User) -> str:
    name = user.name or user.email.split("@")[0]
    return f"{name} 的工作区" if user.language == Language.CHINESE else f"{name}'s workspace"
