"""A page's key belongs to the browser's session and ends with it."""

from importlib import import_module

from django.db import migrations, models

from anneal.kernel.tables import SystemFunction

_second = import_module("tenants.keys.migrations.0002_limits")

KEY_LOOKUP = """
CREATE OR REPLACE FUNCTION key_lookup(digest_in text)
RETURNS TABLE (key_id uuid, organization_id uuid, slug text, suspended boolean, role text,
               scopes text[], kind text, expires_at timestamptz, created_by uuid,
               requests_per_minute integer, calls_in_flight integer)
LANGUAGE sql VOLATILE AS $$
    -- "Last used" is coarse on purpose: a write per call would be the dearest part of the call.
    UPDATE keys_apikey k SET last_used_at = clock_timestamp()
    WHERE k.digest = digest_in AND k.revoked_at IS NULL
      AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
      AND (k.last_used_at IS NULL OR k.last_used_at < clock_timestamp() - interval '5 minutes');
    SELECT k.id, o.id, o.slug::text, o.suspended_at IS NOT NULL, m.role::text,
           k.scopes::text[], k.kind::text, k.expires_at, k.created_by_id,
           k.requests_per_minute, k.calls_in_flight
    FROM keys_apikey k
    JOIN accounts_organization o ON o.id = k.organization_id
    JOIN accounts_membership m ON m.organization_id = k.organization_id AND m.user_id = k.created_by_id
    JOIN accounts_user u ON u.id = k.created_by_id AND u.is_active
    WHERE k.digest = digest_in AND k.revoked_at IS NULL
      AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
      AND (k.session = '' OR EXISTS (
          SELECT 1 FROM django_session s
          WHERE s.session_key = k.session AND s.expire_date > clock_timestamp()))
$$"""


class Migration(migrations.Migration):
    dependencies = [("keys", "0002_limits"), ("sessions", "0001_initial")]

    operations = [
        migrations.AddField(
            "apikey", "session", models.CharField(blank=True, default="", max_length=40)
        ),
        SystemFunction(KEY_LOOKUP, "key_lookup(text)", earlier=_second.KEY_LOOKUP),
    ]
