"""A person's own settings, and people made by commands."""

from uuid import UUID

from allauth.account.models import EmailAddress

from tenants.accounts.contracts import UserInfo
from tenants.accounts.models import User
from tenants.accounts.rows import user_info


def user_create_verified(
    *, email: str, password: str | None, name: str = "", is_staff: bool = False
) -> UserInfo:
    """Make a person whose address needs no code: for commands of the installation only."""
    user = User.objects.create_user(email, password, name=name, is_staff=is_staff)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user_info(user)


def user_preferences_change(
    *,
    user_id: UUID,
    name: str | None = None,
    language: str | None = None,
    theme: str | None = None,
) -> UserInfo:
    """Change name, language or colour scheme. Touches nobody's access, so no audit row."""
    user = User.objects.get(id=user_id)
    wanted = {"name": name, "language": language, "theme": theme}
    changed = {field: value for field, value in wanted.items() if value is not None}
    for field, value in changed.items():
        setattr(user, field, value)
    if changed:
        user.save(update_fields=list(changed))
    return user_info(user)
