"""Users, organizations, memberships, invitations, and who may touch their rows."""

from typing import Any

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

import anneal.kernel.ids
from anneal.kernel.tables import GlobalTable, SystemFunction, SystemTable, TenantTable

ROLES = [(role, role) for role in ("viewer", "annotator", "developer", "billing", "admin", "owner")]
OWN = "organization_id = (SELECT app.organization())"


def key() -> "models.UUIDField[Any, Any]":
    return models.UUIDField(
        default=anneal.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
    )


def created() -> "models.DateTimeField[Any, Any]":
    return models.DateTimeField(auto_now_add=True)


def user(**options: Any) -> "models.ForeignKey[Any, Any]":
    return models.ForeignKey(
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to=settings.AUTH_USER_MODEL,
        **options,
    )


MEMBERSHIPS_OF_USER = """
CREATE OR REPLACE FUNCTION memberships_of_user(who uuid)
RETURNS TABLE (organization_id uuid, slug text, name text, role text, suspended boolean)
LANGUAGE sql STABLE AS $$
    SELECT o.id, o.slug::text, o.name::text, m.role::text, o.suspended_at IS NOT NULL
    FROM accounts_membership m JOIN accounts_organization o ON o.id = m.organization_id
    WHERE m.user_id = who ORDER BY m.id
$$"""

INVITATION_LOOKUP = """
CREATE OR REPLACE FUNCTION invitation_lookup(digest text)
RETURNS TABLE (invitation_id uuid, organization_id uuid, slug text, name text)
LANGUAGE sql STABLE AS $$
    SELECT i.id, o.id, o.slug::text, o.name::text
    FROM accounts_invitation i JOIN accounts_organization o ON o.id = i.organization_id
    WHERE i.token_sha256 = digest
$$"""

# The application writes users (sign-up, a changed name), so a slip or an injected statement could
# make one staff. That takes the system's role.
STAFF_GUARD = """
CREATE FUNCTION accounts_user_staff_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_user <> 'anneal_system' THEN
        RAISE EXCEPTION 'operators are made in the system''s scope'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER accounts_user_staff_added BEFORE INSERT ON accounts_user
    FOR EACH ROW WHEN (NEW.is_staff) EXECUTE FUNCTION accounts_user_staff_guard();
CREATE TRIGGER accounts_user_staff_raised BEFORE UPDATE ON accounts_user
    FOR EACH ROW WHEN (NEW.is_staff AND NOT OLD.is_staff)
    EXECUTE FUNCTION accounts_user_staff_guard();
"""
STAFF_UNGUARD = """
DROP TRIGGER accounts_user_staff_added ON accounts_user;
DROP TRIGGER accounts_user_staff_raised ON accounts_user;
DROP FUNCTION accounts_user_staff_guard();
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [("kernel", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="User",
            fields=[
                ("password", models.CharField(max_length=128, verbose_name="password")),
                (
                    "last_login",
                    models.DateTimeField(blank=True, null=True, verbose_name="last login"),
                ),
                ("id", key()),
                ("created_at", created()),
                ("email", models.EmailField(max_length=254, unique=True)),
                ("name", models.CharField(blank=True, default="", max_length=120)),
                (
                    "language",
                    models.CharField(
                        choices=[("en", "English"), ("zh-hans", "简体中文")],
                        default="en",
                        max_length=10,
                    ),
                ),
                (
                    "theme",
                    models.CharField(
                        choices=[("auto", "System"), ("light", "Light"), ("dark", "Dark")],
                        default="auto",
                        max_length=10,
                    ),
                ),
                ("is_active", models.BooleanField(default=True)),
                ("is_staff", models.BooleanField(default=False)),
            ],
            options={
                "abstract": False,
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("email", django.db.models.functions.text.Lower("email"))
                        ),
                        name="accounts_user_email_lower",
                    )
                ],
            },
        ),
        GlobalTable("accounts_user", app_writes=True),
        migrations.RunSQL(STAFF_GUARD, STAFF_UNGUARD),
        migrations.CreateModel(
            name="Organization",
            fields=[
                ("id", key()),
                ("created_at", created()),
                (
                    "slug",
                    models.CharField(
                        max_length=32,
                        unique=True,
                        validators=[django.core.validators.RegexValidator("^[a-z0-9-]{3,32}$")],
                    ),
                ),
                ("name", models.CharField(max_length=120)),
                (
                    "kind",
                    models.CharField(
                        choices=[("customer", "Customer"), ("house", "House"), ("demo", "Demo")],
                        default="customer",
                        max_length=10,
                    ),
                ),
                ("suspended_at", models.DateTimeField(blank=True, null=True)),
                ("suspended_reason", models.CharField(blank=True, default="", max_length=500)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("slug__regex", "^[a-z0-9-]{3,32}$")),
                        name="accounts_organization_slug",
                    )
                ],
            },
        ),
        # A tenant makes itself (sign-up runs inside the new organization's scope) and may rename itself;
        # suspending, the kind and the slug are out of its reach.
        SystemTable("accounts_organization", app_select="id = (SELECT app.organization())"),
        migrations.RunSQL(
            """
            CREATE POLICY accounts_organization_add ON accounts_organization FOR INSERT TO anneal_app
                WITH CHECK (id = (SELECT app.organization()) AND suspended_at IS NULL);
            CREATE POLICY accounts_organization_change ON accounts_organization FOR UPDATE TO anneal_app
                USING (id = (SELECT app.organization())) WITH CHECK (id = (SELECT app.organization()));
            GRANT INSERT, UPDATE (name) ON accounts_organization TO anneal_app;
            """,
            migrations.RunSQL.noop,
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                ("id", key()),
                ("created_at", created()),
                ("role", models.CharField(choices=ROLES, max_length=10)),
                ("user", user()),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organization",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "user"), name="accounts_membership_unique"
                    )
                ],
            },
        ),
        SystemTable("accounts_membership", app_select=OWN),
        migrations.RunSQL(
            f"""
            CREATE POLICY accounts_membership_add ON accounts_membership FOR INSERT TO anneal_app WITH CHECK ({OWN});
            CREATE POLICY accounts_membership_change ON accounts_membership FOR UPDATE TO anneal_app
                USING ({OWN}) WITH CHECK ({OWN});
            CREATE POLICY accounts_membership_end ON accounts_membership FOR DELETE TO anneal_app USING ({OWN});
            GRANT INSERT, UPDATE (role), DELETE ON accounts_membership TO anneal_app;
            """,
            migrations.RunSQL.noop,
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                ("id", key()),
                ("organization_id", models.UUIDField(editable=False)),
                ("created_at", created()),
                ("email", models.EmailField(max_length=254)),
                ("role", models.CharField(choices=ROLES, max_length=10)),
                ("token_sha256", models.CharField(db_index=True, max_length=64)),
                ("invited_by", user(null=True)),
                ("expires_at", models.DateTimeField()),
                ("accepted_at", models.DateTimeField(blank=True, null=True)),
                ("accepted_by", user(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "token_sha256"),
                        name="accounts_invitation_token_unique",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("accepted_at", None), ("revoked_at", None)),
                        fields=("organization_id", "email"),
                        name="accounts_invitation_open_unique",
                    ),
                ],
            },
        ),
        TenantTable("accounts_invitation"),
        migrations.CreateModel(
            name="OperatorLink",
            fields=[
                ("id", key()),
                ("created_at", created()),
                ("token_sha256", models.CharField(max_length=64, unique=True)),
                ("expires_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={"abstract": False, "base_manager_name": "objects"},
        ),
        SystemTable("accounts_operatorlink"),
        SystemFunction(MEMBERSHIPS_OF_USER, "memberships_of_user(uuid)"),
        SystemFunction(INVITATION_LOOKUP, "invitation_lookup(text)"),
    ]
