"""``/v1/models``: OpenAI's model objects, with what else is known of each."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.api import TenantView
from anneal.kernel.principal import Permission
from mlworker.registry.contracts import ModelListing
from mlworker.registry.errors import ModelNotDeletable
from mlworker.registry.schemas import ModelDeletedSchema, ModelListSchema, ModelSchema
from mlworker.registry.selectors import model_listing_get, model_listings
from mlworker.registry.services import model_version_delete


def render_model(listing: ModelListing) -> dict[str, Any]:
    """Return one model object."""
    return {
        "id": listing.id,
        "object": "model",
        "created": listing.created,
        "owned_by": listing.owned_by,
        "kind": listing.kind,
        **listing.details,
    }


class ModelsView(TenantView):
    """All models the caller may name."""

    permission = Permission.READ

    @extend_schema(operation_id="models_list", tags=["models"], responses=ModelListSchema)
    def get(self, request: Request) -> Response:
        """List deployments, own fine-tuned models, shipped models and bases."""
        listings = model_listings(organization=self.organization)
        return Response(
            {"object": "list", "data": [render_model(item) for item in listings], "has_more": False}
        )


class ModelView(TenantView):
    """One model, by its name."""

    permission: ClassVar = {"GET": Permission.READ, "DELETE": Permission.TRAIN}
    located: ModelListing

    def locate(self, request: Request, **ids: str) -> ModelListing:
        """Find the model among those the caller may name."""
        return model_listing_get(organization=self.organization, name=ids["model"])

    @extend_schema(operation_id="models_retrieve", tags=["models"], responses=ModelSchema)
    def get(self, request: Request, model: str) -> Response:
        """Return a model with its metrics, labels, base, job and card."""
        return Response(render_model(self.located))

    @extend_schema(
        operation_id="models_delete", tags=["models"], responses={200: ModelDeletedSchema}
    )
    def delete(self, request: Request, model: str) -> Response:
        """Delete an own fine-tuned model; 409 while a deployment points at it."""
        if self.located.kind != "fine_tuned":
            raise ModelNotDeletable
        model_version_delete(organization=self.organization, actor=self.actor, name=model)
        return Response({"id": model, "object": "model", "deleted": True})
