"""The keys, and the one look-up that Django and the gateway share."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import anneal.kernel.ids
from anneal.kernel.tables import SystemFunction, SystemTable

OWN = "organization_id = (SELECT app.organization())"

KEY_LOOKUP = """
CREATE OR REPLACE FUNCTION key_lookup(digest_in text)
RETURNS TABLE (key_id uuid, organization_id uuid, slug text, suspended boolean, role text,
               scopes text[], kind text, expires_at timestamptz, created_by uuid)
LANGUAGE sql VOLATILE AS $$
    -- "Last used" is coarse on purpose: a write per call would be the dearest part of the call.
    UPDATE keys_apikey k SET last_used_at = clock_timestamp()
    WHERE k.digest = digest_in AND k.revoked_at IS NULL
      AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
      AND (k.last_used_at IS NULL OR k.last_used_at < clock_timestamp() - interval '5 minutes');
    SELECT k.id, o.id, o.slug::text, o.suspended_at IS NOT NULL, m.role::text,
           k.scopes::text[], k.kind::text, k.expires_at, k.created_by_id
    FROM keys_apikey k
    JOIN accounts_organization o ON o.id = k.organization_id
    JOIN accounts_membership m ON m.organization_id = k.organization_id AND m.user_id = k.created_by_id
    JOIN accounts_user u ON u.id = k.created_by_id AND u.is_active
    WHERE k.digest = digest_in AND k.revoked_at IS NULL
      AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
$$"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=anneal.kernel.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("name", models.CharField(max_length=80)),
                (
                    "kind",
                    models.CharField(
                        choices=[("api", "API key"), ("session", "Session key")],
                        default="api",
                        max_length=10,
                    ),
                ),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("prefix", models.CharField(max_length=12)),
                ("last4", models.CharField(max_length=4)),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=20), size=None
                    ),
                ),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
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
                "indexes": [
                    models.Index(fields=["organization", "-id"], name="keys_apikey_organization"),
                    models.Index(fields=["created_by"], name="keys_apikey_created_by"),
                ],
            },
        ),
        SystemTable("keys_apikey", app_select=OWN),
        migrations.RunSQL(
            f"""
            CREATE POLICY keys_apikey_add ON keys_apikey FOR INSERT TO anneal_app WITH CHECK ({OWN});
            CREATE POLICY keys_apikey_change ON keys_apikey FOR UPDATE TO anneal_app USING ({OWN}) WITH CHECK ({OWN});
            GRANT INSERT, UPDATE (name, revoked_at) ON keys_apikey TO anneal_app;
            """,
            migrations.RunSQL.noop,
        ),
        SystemFunction(KEY_LOOKUP, "key_lookup(text)"),
    ]
