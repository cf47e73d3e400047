"""`/v1/openapi.json` and its reader at `/api/docs`. Everything comes from this origin."""

from typing import Any

from django.http import HttpResponse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request


@method_decorator(cache_control(public=True, max_age=300), name="dispatch")
class OpenApiView(SpectacularJSONAPIView):
    """The API's description, made from the code; it changes with the code alone."""

    _made: bytes | str | None = None

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Make the description, and write it out, once per process."""
        if OpenApiView._made is None:
            made = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call] # its own
            OpenApiView._made = request.accepted_renderer.render(made.data)
        return HttpResponse(OpenApiView._made, content_type=request.accepted_renderer.media_type)


class ApiDocsView(SpectacularSwaggerSplitView):
    """The description for people; scripts and styles obey the strict policy."""

    template_name = "console/api_docs.html"
    url_name = "openapi"
    title = "Anneal API"
