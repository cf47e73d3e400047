"""Tables of people and organizations.

Classes (see the catalogue tests): `User` is global; `Organization`, `Membership` and `OperatorLink`
are system tables; `Invitation` belongs to an organization.
"""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower

from anneal.kernel.models import GlobalModel, SystemModel, TenantModel
from anneal.kernel.principal import Role

SLUG_PATTERN = r"^[a-z0-9-]{3,32}$"
"""An organization's slug stands inside model names, so it never changes and holds no colon."""


class Language(models.TextChoices):
    """Languages the pages and mails are written in."""

    ENGLISH = "en", "English"
    CHINESE = "zh-hans", "简体中文"


class Theme(models.TextChoices):
    """Colour schemes of the pages."""

    AUTO = "auto", "System"
    LIGHT = "light", "Light"
    DARK = "dark", "Dark"


class OrganizationKind(models.TextChoices):
    """Whose organization it is: a customer's, the installation's own, or the demonstration."""

    CUSTOMER = "customer", "Customer"
    HOUSE = "house", "House"
    DEMO = "demo", "Demo"


class UserManager(BaseUserManager["User"]):
    """Makes users; addresses are kept in lower case, so that they are unique as read."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Save a user. `password=None` leaves the account without a usable password."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        """Find a user by the address typed, whatever its case."""
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, GlobalModel):
    """A person. Staff of the installation (`is_staff`) are operators, which is no role anywhere."""

    email = models.EmailField(max_length=254, unique=True)
    name = models.CharField(max_length=120, blank=True, default="")
    language = models.CharField(max_length=10, choices=Language.choices, default=Language.ENGLISH)
    theme = models.CharField(max_length=10, choices=Theme.choices, default=Theme.AUTO)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta(GlobalModel.Meta):
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="accounts_user_email_lower"
            ),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def is_superuser(self) -> bool:
        """What Django's admin asks for; every operator may do all of the console's work."""
        return self.is_staff

    def has_perm(self, perm: str, obj: object | None = None) -> bool:
        """Whether the person may work in the operator's console: yes for every active operator."""
        return self.is_active and self.is_staff

    def has_module_perms(self, app_label: str) -> bool:
        """Whether the console shows an app: yes for every active operator."""
        return self.is_active and self.is_staff


class Organization(SystemModel):
    """The tenant. Everything a customer owns carries its id."""

    tenant_column = "id"

    slug = models.CharField(max_length=32, unique=True, validators=[RegexValidator(SLUG_PATTERN)])
    name = models.CharField(max_length=120)
    kind = models.CharField(
        max_length=10, choices=OrganizationKind.choices, default=OrganizationKind.CUSTOMER
    )
    suspended_at = models.DateTimeField(null=True, blank=True)
    suspended_reason = models.CharField(max_length=500, blank=True, default="")

    class Meta(SystemModel.Meta):
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(slug__regex=SLUG_PATTERN), name="accounts_organization_slug"
            ),
        ]

    def __str__(self) -> str:
        return self.slug


class Membership(SystemModel):
    """A person's role in an organization."""

    tenant_column = "organization_id"

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=10, choices=[(role.value, role.value) for role in Role])

    class Meta(SystemModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "user"], name="accounts_membership_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.role}"


class Invitation(TenantModel):
    """An open door for one address. Only the token's sha256 is kept."""

    email = models.EmailField(max_length=254)
    role = models.CharField(max_length=10, choices=[(role.value, role.value) for role in Role])
    token_sha256 = models.CharField(max_length=64, db_index=True)
    invited_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "token_sha256"], name="accounts_invitation_token_unique"
            ),
            models.UniqueConstraint(
                fields=["organization_id", "email"],
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="accounts_invitation_open_unique",
            ),
        ]

    def __str__(self) -> str:
        return self.email


class OperatorLink(SystemModel):
    """A sign-in link for the operator, good once and for half an hour."""

    token_sha256 = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return str(self.id)
