from typing import Any

from django.db import migrations, models

import anneal.kernel.ids
from anneal.kernel.tables import SystemTable, TenantTable

FOUNDATION = """
CREATE SCHEMA IF NOT EXISTS app;
GRANT USAGE ON SCHEMA app, public TO anneal_app, anneal_system;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
CREATE FUNCTION app.organization() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
  $$ SELECT NULLIF(current_setting('app.organization_id', true), '')::uuid $$;
GRANT EXECUTE ON FUNCTION app.organization() TO anneal_app, anneal_system;
-- Whether the caller may act for an organization: inside its scope, or inside the system's. Functions
-- that run as anneal_system ask it, since row level security does not bind them. Within them `role`
-- still names what the caller set.
CREATE FUNCTION app.acts_for(organization uuid) RETURNS boolean LANGUAGE sql STABLE AS
  $$ SELECT coalesce(organization = app.organization(), false)
       OR current_setting('role') = 'anneal_system' $$;
GRANT EXECUTE ON FUNCTION app.acts_for(uuid) TO anneal_app, anneal_system;
-- Tables of other people's apps (sessions, e-mail addresses) are global; ours say their class.
ALTER DEFAULT PRIVILEGES IN SCHEMA public
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO anneal_app, anneal_system;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO anneal_app, anneal_system;
GRANT SELECT ON django_migrations TO anneal_app, anneal_system;
"""

UUID_KEY: dict[str, Any] = {
    "default": anneal.kernel.ids.uuid7,
    "editable": False,
    "primary_key": True,
    "serialize": False,
}


class Migration(migrations.Migration):
    initial = True
    # The default privileges above must stand before anybody else makes a table.
    run_before = [("contenttypes", "0001_initial"), ("sessions", "0001_initial")]

    operations = [
        migrations.RunSQL(FOUNDATION, reverse_sql="DROP SCHEMA app CASCADE"),
        migrations.CreateModel(
            name="OutboxMessage",
            fields=[
                ("id", models.UUIDField(**UUID_KEY)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("task", models.CharField(max_length=200)),
                ("queue", models.CharField(max_length=50)),
                ("payload", models.JSONField(default=dict)),
                ("claimed_until", models.DateTimeField(blank=True, null=True)),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={"abstract": False, "base_manager_name": "objects"},
        ),
        migrations.AddIndex(
            "OutboxMessage",
            models.Index(
                condition=models.Q(("sent_at__isnull", True)),
                fields=["created_at"],
                name="kernel_outbox_unsent",
            ),
        ),
        migrations.CreateModel(
            name="IdempotencyRecord",
            fields=[
                ("id", models.UUIDField(**UUID_KEY)),
                ("organization_id", models.UUIDField(editable=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("method", models.CharField(max_length=10)),
                ("path", models.CharField(max_length=500)),
                ("key", models.CharField(max_length=255)),
                ("request_hash", models.CharField(max_length=64)),
                ("status", models.PositiveSmallIntegerField()),
                ("response", models.TextField()),
            ],
            options={"abstract": False, "base_manager_name": "objects"},
        ),
        migrations.AddConstraint(
            "IdempotencyRecord",
            models.UniqueConstraint(
                fields=("organization_id", "method", "path", "key"), name="kernel_idempotency_key"
            ),
        ),
        migrations.CreateModel(
            name="AuditEvent",
            fields=[
                ("id", models.UUIDField(**UUID_KEY)),
                ("organization_id", models.UUIDField(editable=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("action", models.CharField(max_length=100)),
                ("actor_kind", models.CharField(max_length=20)),
                ("actor_id", models.UUIDField(null=True)),
                ("actor_label", models.CharField(max_length=254)),
                ("target", models.CharField(max_length=254)),
                ("detail", models.JSONField(default=dict)),
            ],
            options={"abstract": False, "base_manager_name": "objects"},
        ),
        migrations.AddIndex(
            "AuditEvent",
            models.Index(fields=["organization_id", "-id"], name="kernel_audit_newest"),
        ),
        SystemTable("kernel_outboxmessage", app_insert=True),
        TenantTable("kernel_idempotencyrecord", organization_table=False),
        TenantTable("kernel_auditevent", append_only=True, organization_table=False),
    ]
