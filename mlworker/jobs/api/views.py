"""The calls of ``/v1/fine_tuning/jobs``."""

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.api import Download, TenantView, page
from anneal.kernel.principal import Permission
from mlworker.jobs.api.paging import event_page
from mlworker.jobs.api.render import render_checkpoint, render_estimate, render_job
from mlworker.jobs.api.schemas import (
    CheckpointDeletedSchema,
    CheckpointListSchema,
    EstimateSchema,
    EventListSchema,
    JobListSchema,
    JobSchema,
    list_parameters,
)
from mlworker.jobs.api.serializers import JobRequestSerializer, job_request
from mlworker.jobs.contracts import CHECKPOINT_PREFIX, JOB_PREFIX, CheckpointInfo, JobInfo
from mlworker.jobs.forecasts import queue_places
from mlworker.jobs.selectors import (
    checkpoint_info,
    job_checkpoint_get,
    job_checkpoints,
    job_get,
    job_info,
    job_rows,
)
from mlworker.jobs.services import (
    fine_tuning_checkpoint_delete,
    fine_tuning_job_cancel,
    fine_tuning_job_estimate,
    fine_tuning_job_pause,
    fine_tuning_job_resume,
    fine_tuning_job_submit,
)
from mlworker.jobs.tensorboard import event_file

_TAGS = ["fine-tuning"]
_BINARY = "application/octet-stream"


class JobsView(TenantView):
    """Create and list."""

    permission: ClassVar = {"GET": Permission.READ, "POST": Permission.TRAIN}
    idempotency: ClassVar = {"POST": "optional"}

    @extend_schema(
        operation_id="fine_tuning_jobs_create",
        tags=_TAGS,
        request=JobRequestSerializer,
        responses=JobSchema,
    )
    def post(self, request: Request) -> Response:
        """Start a fine-tuning job; its price is held from the balance until it ends."""
        data = self.body(JobRequestSerializer)
        job = fine_tuning_job_submit(
            organization=self.organization, actor=self.actor, request=job_request(data)
        )
        return Response(render_job(job, self.organization))

    @extend_schema(
        operation_id="fine_tuning_jobs_list",
        tags=_TAGS,
        parameters=list_parameters(),
        responses=JobListSchema,
    )
    def get(self, request: Request) -> Response:
        """List jobs, newest first. ``metadata[key]=value`` filters."""
        rows = job_rows(organization=self.organization)
        for name, value in request.query_params.items():
            if name.startswith("metadata[") and name.endswith("]"):
                rows = rows.filter(metadata__contains={name[9:-1]: value})
        places = queue_places()
        return Response(
            page(
                rows,
                request,
                prefix=JOB_PREFIX,
                render=lambda row: render_job(job_info(row, places), self.organization, brief=True),
            )
        )


class EstimateView(TenantView):
    """What a job would cost."""

    permission = Permission.TRAIN

    @extend_schema(
        operation_id="fine_tuning_jobs_estimate",
        tags=_TAGS,
        request=JobRequestSerializer,
        responses=EstimateSchema,
    )
    def post(self, request: Request) -> Response:
        """Quote the price and the time of a job, without starting it."""
        data = self.body(JobRequestSerializer)
        estimate = fine_tuning_job_estimate(
            organization=self.organization, actor=self.actor, request=job_request(data)
        )
        return Response(render_estimate(estimate))


class JobBase(TenantView):
    """A view of one job."""

    located: JobInfo

    def locate(self, request: Request, **ids: str) -> JobInfo:
        """Find the job that the address names."""
        return job_get(organization=self.organization, reference=ids["job_id"])

    def answer(self, job: JobInfo) -> Response:
        """Return the job's object."""
        return Response(render_job(job, self.organization))


class JobView(JobBase):
    """One job."""

    permission = Permission.READ

    @extend_schema(operation_id="fine_tuning_jobs_retrieve", tags=_TAGS, responses=JobSchema)
    def get(self, request: Request, job_id: str) -> Response:
        """Return a job with its progress, place in the queue and error."""
        return self.answer(self.located)


class JobCancelView(JobBase):
    """Cancel."""

    permission = Permission.TRAIN

    @extend_schema(
        operation_id="fine_tuning_jobs_cancel", tags=_TAGS, request=None, responses=JobSchema
    )
    def post(self, request: Request, job_id: str) -> Response:
        """End a job at once; only the steps done are charged."""
        return self.answer(
            fine_tuning_job_cancel(
                organization=self.organization, actor=self.actor, job_id=self.located.id
            )
        )


class JobPauseView(JobBase):
    """Pause."""

    permission = Permission.TRAIN

    @extend_schema(
        operation_id="fine_tuning_jobs_pause", tags=_TAGS, request=None, responses=JobSchema
    )
    def post(self, request: Request, job_id: str) -> Response:
        """Stop a job at its next checkpoint; ``pausing`` is true until it has."""
        return self.answer(
            fine_tuning_job_pause(
                organization=self.organization, actor=self.actor, job_id=self.located.id
            )
        )


class JobResumeView(JobBase):
    """Resume."""

    permission = Permission.TRAIN

    @extend_schema(
        operation_id="fine_tuning_jobs_resume", tags=_TAGS, request=None, responses=JobSchema
    )
    def post(self, request: Request, job_id: str) -> Response:
        """Go on with a paused job, from its last checkpoint."""
        return self.answer(
            fine_tuning_job_resume(
                organization=self.organization, actor=self.actor, job_id=self.located.id
            )
        )


class JobEventsView(JobBase):
    """A job's story."""

    permission = Permission.READ

    @extend_schema(
        operation_id="fine_tuning_jobs_events",
        tags=_TAGS,
        parameters=list_parameters(),
        responses=EventListSchema,
    )
    def get(self, request: Request, job_id: str) -> Response:
        """List a job's events, newest first."""
        return Response(event_page(self.organization, self.located, request))


class JobCheckpointsView(JobBase):
    """A job's checkpoints."""

    permission = Permission.READ

    @extend_schema(
        operation_id="fine_tuning_jobs_checkpoints",
        tags=_TAGS,
        parameters=list_parameters(),
        responses=CheckpointListSchema,
    )
    def get(self, request: Request, job_id: str) -> Response:
        """List a job's verified checkpoints, newest first."""
        job = self.located

        def render(row: Any) -> dict[str, Any]:
            return render_checkpoint(checkpoint_info(row), job)

        rows = job_checkpoints(organization=self.organization, job_id=job.id)
        return Response(page(rows, request, prefix=CHECKPOINT_PREFIX, render=render))


class JobCheckpointView(TenantView):
    """One checkpoint of a job."""

    permission = Permission.TRAIN
    located: CheckpointInfo

    def locate(self, request: Request, **ids: str) -> CheckpointInfo:
        """Find the job, then its checkpoint."""
        job = job_get(organization=self.organization, reference=ids["job_id"])
        return job_checkpoint_get(
            organization=self.organization, job_id=job.id, reference=ids["checkpoint_id"]
        )

    @extend_schema(
        operation_id="fine_tuning_jobs_checkpoints_delete",
        tags=_TAGS,
        request=None,
        responses={200: CheckpointDeletedSchema},
    )
    def delete(self, request: Request, job_id: str, checkpoint_id: str) -> Response:
        """Delete a checkpoint of a job that has ended: until then it counts as stored."""
        fine_tuning_checkpoint_delete(
            organization=self.organization,
            actor=self.actor,
            job_id=self.located.job_id,
            checkpoint_id=self.located.id,
        )
        return Response(
            {"id": checkpoint_id, "object": "fine_tuning.job.checkpoint", "deleted": True}
        )


class JobTensorboardView(JobBase):
    """A job's metrics for TensorBoard."""

    permission = Permission.READ

    @extend_schema(
        operation_id="fine_tuning_jobs_tensorboard",
        tags=_TAGS,
        responses={(200, _BINARY): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, job_id: str) -> Download:
        """Download a job's curves as a TensorBoard event file; empty before the first step."""
        data = event_file(organization=self.organization, job_id=self.located.id)
        name = f"events.out.tfevents.{self.located.public_id}"
        return Download(data, kind=_BINARY, name=name)
