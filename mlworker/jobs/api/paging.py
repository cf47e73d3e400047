"""Events in pages: by their number, which is the order of the commits; ids alone would not do."""

from typing import Any

from rest_framework.request import Request

from anneal.kernel.api import limit_read
from anneal.kernel.scopes import OrganizationRef
from mlworker.jobs.api.render import render_event
from mlworker.jobs.contracts import JobInfo
from mlworker.jobs.selectors import job_events


def event_page(organization: OrganizationRef, job: JobInfo, request: Request) -> dict[str, Any]:
    """Return one page of a job's events in OpenAI's list shape."""
    events, more = job_events(
        organization=organization,
        job_id=job.id,
        after=request.query_params.get("after"),
        limit=limit_read(request),
    )
    data = [render_event(event) for event in events]
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": more,
    }
