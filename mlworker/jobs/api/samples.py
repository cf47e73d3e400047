"""Best and worst rows of the evaluations while a model trains."""

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.api import limit_read
from anneal.kernel.principal import Permission
from mlworker.jobs.api.views import JobBase
from mlworker.jobs.samples import evaluation_samples

_MOST = 20


class SampleSchema(serializers.Serializer[Any]):
    """A validation row at one end of an evaluation."""

    row = serializers.IntegerField()
    loss = serializers.FloatField()
    label = serializers.CharField(allow_null=True)  # type: ignore[assignment] # a field, where the class has a property
    predicted = serializers.CharField(allow_null=True)
    text = serializers.CharField(allow_null=True, help_text="null once the dataset is deleted.")


class EvaluationSamplesSchema(serializers.Serializer[Any]):
    """One evaluation."""

    step = serializers.IntegerField()
    epoch = serializers.FloatField()
    part = serializers.CharField(allow_null=True, help_text="Of a study: `fold 2/5`.")
    worst = SampleSchema(many=True)
    best = SampleSchema(many=True)


class EvaluationSamplesListSchema(serializers.Serializer[Any]):
    """Evaluations, the newest first."""

    object = serializers.CharField(default="list")
    data = EvaluationSamplesSchema(many=True)  # type: ignore[assignment] # a field, where the class has a property


class SamplesView(JobBase):
    """Rows that a model in training gets most wrong and most right."""

    permission = Permission.READ

    @extend_schema(
        operation_id="fine_tuning_jobs_samples",
        tags=["fine-tuning"],
        parameters=[
            OpenApiParameter("limit", int, description=f"Evaluations: 1 to {_MOST}, 1 by default.")
        ],
        responses=EvaluationSamplesListSchema,
    )
    def get(self, request: Request, job_id: str) -> Response:
        """List the last evaluations of a job with their best and worst validation rows."""
        found = evaluation_samples(
            organization=self.organization,
            job=self.located,
            limit=limit_read(request, most=_MOST, usual=1),
        )
        return Response({"object": "list", "data": [asdict(one) for one in found]})
