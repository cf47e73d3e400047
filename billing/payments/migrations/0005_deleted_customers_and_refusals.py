"""Customers that were deleted at the provider, and what it said of a refused set-up."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0004_evidence_and_refunds_again"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="paymentcustomer",
            name="payments_paymentcustomer_one",
        ),
        migrations.AddField(
            model_name="paymentattempt",
            name="refusal",
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name="paymentcustomer",
            name="deleted_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name="paymentattempt",
            index=models.Index(
                condition=models.Q(
                    ("failure__in", ("unanswered", "payment_provider_refused")), ("state", "failed")
                ),
                fields=["asked_at"],
                name="payments_attempt_refused",
            ),
        ),
        migrations.AddConstraint(
            model_name="paymentcustomer",
            constraint=models.UniqueConstraint(
                condition=models.Q(("deleted_at__isnull", True)),
                fields=("organization_id",),
                name="payments_paymentcustomer_one",
            ),
        ),
    ]
