"""`GET /v1/home`: the first steps, each done when the facts say so, never by a click."""

from typing import Any

from django.db.models import Exists, Q
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.api import TenantView
from anneal.kernel.principal import Permission
from anneal.kernel.scopes import OrganizationRef
from billing.metering.models import UsageEvent
from mlworker.jobs.models import FineTuningJob
from mlworker.serving.models import Deployment
from tenants.accounts.models import Organization
from tenants.datasets.models import Dataset
from tenants.keys.models import ApiKey, KeyKind

_OWN_MODEL = Q(deployment_id__isnull=False) | Q(model__startswith="ft:")


class HomeStep(serializers.Serializer[Any]):
    """One first step."""

    id = serializers.ChoiceField(
        choices=["predict", "key", "data", "train", "deploy", "call_own_model"]
    )
    done = serializers.BooleanField()


class HomeOut(serializers.Serializer[Any]):
    """What the home page needs."""

    object = serializers.CharField()
    steps = HomeStep(many=True)


class HomeView(TenantView):
    """The home page's facts."""

    permission = Permission.READ

    @extend_schema(operation_id="home_retrieve", responses=HomeOut)
    def get(self, request: Request) -> Response:
        """Say which first steps are done."""
        return Response({"object": "home", "steps": steps_read(self.organization)})


def steps_read(organization: OrganizationRef) -> list[dict[str, Any]]:
    """Look the six facts up in one query."""
    calls = UsageEvent.objects.filter(meter="prediction")
    facts = {
        "predict": calls,
        "key": ApiKey.objects.filter(kind=KeyKind.API),
        "data": Dataset.objects.all(),
        "train": FineTuningJob.objects.all(),
        "deploy": Deployment.objects.all(),
        "call_own_model": calls.filter(_OWN_MODEL),
    }
    row = (
        Organization.objects.filter(id=organization.id)
        .annotate(**{f"has_{name}": Exists(rows) for name, rows in facts.items()})
        .values(*(f"has_{name}" for name in facts))
        .get()
    )
    return [{"id": name, "done": row[f"has_{name}"]} for name in facts]
