"""Meters and prices."""

import django.db.models.deletion
from django.db import migrations, models

import anneal.kernel.ids
from anneal.kernel.tables import GlobalTable


class Migration(migrations.Migration):
    initial = True

    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Meter",
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
                ("code", models.CharField(max_length=50, unique=True)),
                ("name_en", models.CharField(max_length=100)),
                ("name_zh", models.CharField(max_length=100)),
                ("unit_en", models.CharField(max_length=50)),
                ("unit_zh", models.CharField(max_length=50)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Price",
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
                ("version", models.PositiveIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("unit_amount", models.DecimalField(decimal_places=12, max_digits=38)),
                ("effective_at", models.DateTimeField()),
                (
                    "meter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="prices.meter",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("meter", "currency", "version"), name="prices_price_version"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("unit_amount__gte", 0)),
                        name="prices_price_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("currency__regex", "^[A-Z]{3}$")),
                        name="prices_price_currency",
                    ),
                ],
            },
        ),
        GlobalTable("prices_meter"),
        GlobalTable("prices_price"),
        # A price in force is a promise: not even the system's role may change or remove one.
        migrations.RunSQL(
            "REVOKE UPDATE, DELETE ON prices_price FROM anneal_system", migrations.RunSQL.noop
        ),
    ]
