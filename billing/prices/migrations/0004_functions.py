"""Which price rules and what it charges: one text for the ledger's functions and for Python."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


def helper(name: str, arguments: str) -> migrations.RunSQL:
    """A function with its caller's rights."""
    text = (SQL / f"0004_{name}.sql").read_text(encoding="utf-8")
    return migrations.RunSQL(text, f"DROP FUNCTION {name}({arguments})")


class Migration(migrations.Migration):
    dependencies = [("prices", "0003_models")]

    operations = [
        helper("price_tiers_valid", "jsonb"),
        # What a form refuses, the table refuses too.
        migrations.RunSQL(
            "ALTER TABLE prices_price ADD CONSTRAINT prices_price_terms CHECK (CASE model"
            " WHEN 'per_unit' THEN tiers = '[]'"
            " WHEN 'graduated' THEN price_tiers_valid(tiers)"
            " WHEN 'volume' THEN price_tiers_valid(tiers)"
            " WHEN 'package' THEN tiers = '[]' AND package_units > 0 AND package_amount > 0"
            " AND package_units IS NOT NULL AND package_amount IS NOT NULL"
            " WHEN 'percentage' THEN tiers = '[]' AND percent > 0 AND percent <= 100"
            " AND percent IS NOT NULL"
            " ELSE false END AND unit_amount <= 1e15 AND jsonb_typeof(match) = 'object'"
            " AND match - ARRAY['task', 'tier', 'channel'] = '{}')",
            "ALTER TABLE prices_price DROP CONSTRAINT prices_price_terms",
        ),
        helper("billing_plan", "uuid, timestamptz"),
        helper("billing_period", "uuid, timestamptz"),
        helper("price_weight", "jsonb"),
        helper("price_for", "uuid, text, text, jsonb, timestamptz"),
        helper("price_tiers", "prices_price"),
        helper("price_total", "prices_price, numeric"),
        helper("price_rate", "prices_price, numeric"),
        helper("price_cost", "prices_price, numeric, numeric"),
        helper("price_ceiling", "prices_price, numeric, numeric, numeric"),
    ]
