"""The calls of ``/v1/batches``, in OpenAI's shapes."""

from typing import ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.api import TenantView, page
from anneal.kernel.principal import Permission
from mlworker.batches.api.render import render_batch, render_estimate
from mlworker.batches.api.serializers import (
    BatchEstimateOut,
    BatchListOut,
    BatchOut,
    BatchRequestIn,
    batch_request,
)
from mlworker.batches.contracts import BATCH_PREFIX, BatchInfo
from mlworker.batches.estimating import batch_estimate
from mlworker.batches.selectors import batch_find, batch_info, batch_rows
from mlworker.batches.services import batch_cancel, batch_create

_TAGS = ["batches"]
_LIST = [
    OpenApiParameter("after", str, description="The last id of the page before."),
    OpenApiParameter("limit", int, description="1 to 100; 20 when absent."),
]


class BatchesView(TenantView):
    """Create and list."""

    permission: ClassVar = {"GET": Permission.READ, "POST": Permission.PREDICT}
    idempotency: ClassVar = {"POST": "optional"}

    @extend_schema(
        operation_id="batches_create", tags=_TAGS, request=BatchRequestIn, responses=BatchOut
    )
    def post(self, request: Request) -> Response:
        """Answer a file of requests, or of rows, in the background and at a lower price."""
        asked = batch_request(self.body(BatchRequestIn))
        made = batch_create(organization=self.organization, actor=self.actor, request=asked)
        return Response(render_batch(made))

    @extend_schema(
        operation_id="batches_list", tags=_TAGS, parameters=_LIST, responses=BatchListOut
    )
    def get(self, request: Request) -> Response:
        """List batches, newest first."""
        rows = batch_rows(organization=self.organization)
        return Response(
            page(
                rows,
                request,
                prefix=BATCH_PREFIX,
                render=lambda row: render_batch(batch_info(row)),
            )
        )


class BatchEstimateView(TenantView):
    """What a batch would cost."""

    permission = Permission.PREDICT
    own_scopes = True

    @extend_schema(
        operation_id="batches_estimate",
        tags=_TAGS,
        request=BatchRequestIn,
        responses=BatchEstimateOut,
    )
    def post(self, request: Request) -> Response:
        """Count a file's rows and quote their price, without starting anything."""
        asked = batch_request(self.body(BatchRequestIn))
        found = batch_estimate(organization=self.organization, actor=self.actor, request=asked)
        return Response(render_estimate(found))


class _OneBatch(TenantView):
    """A view of the batch that the address names."""

    located: BatchInfo

    def locate(self, request: Request, **ids: str) -> BatchInfo:
        """Find the batch."""
        return batch_find(organization=self.organization, reference=ids["batch_id"])


class BatchView(_OneBatch):
    """One batch."""

    permission = Permission.READ

    @extend_schema(operation_id="batches_retrieve", tags=_TAGS, responses=BatchOut)
    def get(self, request: Request, batch_id: str) -> Response:
        """Return a batch with its counts and files."""
        return Response(render_batch(self.located))


class BatchCancelView(_OneBatch):
    """Cancel."""

    permission = Permission.PREDICT

    @extend_schema(operation_id="batches_cancel", tags=_TAGS, request=None, responses=BatchOut)
    def post(self, request: Request, batch_id: str) -> Response:
        """End a batch soon; what is answered by then is kept in its files, and paid."""
        ended = batch_cancel(
            organization=self.organization, actor=self.actor, batch_id=self.located.id
        )
        return Response(render_batch(ended))
