"""Promotions, redemptions, discounts and what was taken off."""

import django.db.models.deletion
from django.db import migrations, models

import anneal.kernel.ids
from anneal.kernel.tables import SystemTable, TenantTable


class Migration(migrations.Migration):
    initial = True

    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="DiscountDraw",
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
                ("organization_id", models.UUIDField(editable=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("discount_id", models.UUIDField()),
                ("key", models.CharField(max_length=200)),
                ("amount", models.DecimalField(decimal_places=12, max_digits=38)),
                ("drawn_at", models.DateTimeField()),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "discount_id", "key"),
                        name="promotions_discountdraw_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount__gte", 0)),
                        name="promotions_discountdraw_amount",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Promotion",
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
                ("code", models.CharField(max_length=40, unique=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("percent", "percent"),
                            ("amount", "amount"),
                            ("units", "units"),
                            ("trial", "trial"),
                        ],
                        max_length=10,
                    ),
                ),
                ("percent", models.DecimalField(decimal_places=12, max_digits=38, null=True)),
                ("invoices", models.PositiveSmallIntegerField(null=True)),
                ("amount", models.DecimalField(decimal_places=12, max_digits=38, null=True)),
                ("currency", models.CharField(blank=True, max_length=3)),
                ("unit", models.CharField(blank=True, max_length=50)),
                ("units", models.DecimalField(decimal_places=12, max_digits=38, null=True)),
                ("days", models.PositiveSmallIntegerField(null=True)),
                ("max_redemptions", models.PositiveIntegerField(null=True)),
                ("redeemed", models.PositiveIntegerField(default=0)),
                ("valid_from", models.DateTimeField()),
                ("valid_until", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("invoices__gte", 1),
                                ("kind", "percent"),
                                ("percent__gt", 0),
                                ("percent__lte", 100),
                            ),
                            models.Q(
                                ("amount__gt", 0),
                                ("amount__lte", 1000000000000000),
                                ("currency__regex", "^[A-Z]{3}$"),
                                ("kind", "amount"),
                            ),
                            models.Q(
                                ("kind", "units"),
                                ("units__gt", 0),
                                ("units__lte", 1000000000000000),
                                models.Q(("unit", ""), _negated=True),
                            ),
                            models.Q(("days__gte", 1), ("kind", "trial")),
                            _connector="OR",
                        ),
                        name="promotions_promotion_terms",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("max_redemptions__isnull", True),
                            ("redeemed__lte", models.F("max_redemptions")),
                            _connector="OR",
                        ),
                        name="promotions_promotion_limit",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Redemption",
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
                ("organization_id", models.UUIDField(editable=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("promotion_id", models.UUIDField()),
                ("code", models.CharField(max_length=40)),
                ("terms", models.JSONField()),
                ("redeemed_at", models.DateTimeField()),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(
                        fields=["organization_id", "-id"], name="promotions_redemption_newest"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "promotion_id"),
                        name="promotions_redemption_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Discount",
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
                ("organization_id", models.UUIDField(editable=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("percent", models.DecimalField(decimal_places=12, max_digits=38, null=True)),
                ("invoices_left", models.PositiveSmallIntegerField(null=True)),
                ("amount", models.DecimalField(decimal_places=12, max_digits=38, null=True)),
                ("remaining", models.DecimalField(decimal_places=12, max_digits=38, null=True)),
                ("currency", models.CharField(blank=True, max_length=3)),
                (
                    "redemption",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="discounts",
                        to="promotions.redemption",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "redemption"), name="promotions_discount_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("amount__isnull", False),
                                ("percent__isnull", True),
                                ("remaining__gte", 0),
                                ("remaining__lte", models.F("amount")),
                            ),
                            models.Q(
                                ("amount__isnull", True),
                                ("invoices_left__gte", 0),
                                ("percent__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="promotions_discount_left",
                    ),
                ],
            },
        ),
        SystemTable("promotions_promotion"),
        TenantTable("promotions_redemption"),
        TenantTable("promotions_discount", {"redemption_id": "promotions_redemption"}),
        TenantTable("promotions_discountdraw", {"discount_id": "promotions_discount"}),
        # Only the functions that run as the system write these; a code's terms stay as they are.
        migrations.RunSQL(
            "REVOKE INSERT, UPDATE, DELETE ON promotions_redemption, promotions_discount,"
            " promotions_discountdraw FROM anneal_app;"
            "REVOKE UPDATE, DELETE ON promotions_redemption, promotions_discountdraw"
            " FROM anneal_system;"
            "REVOKE UPDATE, DELETE ON promotions_promotion, promotions_discount FROM anneal_system;"
            "GRANT UPDATE (redeemed, ended_at) ON promotions_promotion TO anneal_system;"
            "GRANT UPDATE (remaining, invoices_left) ON promotions_discount TO anneal_system;",
            migrations.RunSQL.noop,
        ),
    ]
