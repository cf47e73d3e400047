"""Django's view of serving."""

from django.apps import AppConfig


class ServingConfig(AppConfig):
    """Deployments, the gateway and the engine's tasks."""

    name = "mlworker.serving"
    label = "serving"
    verbose_name = "Serving"

    def ready(self) -> None:
        """List deployments among the models, and keep the versions they point at."""
        from anneal.kernel.events import subscribe  # noqa: PLC0415 # apps load first
        from mlworker.registry.contracts import ModelVersionDeleting  # noqa: PLC0415 # same
        from mlworker.registry.sources import register_model_source  # noqa: PLC0415 # same
        from mlworker.serving import public_events  # noqa: PLC0415 # same
        from mlworker.serving.selectors import deployment_listings  # noqa: PLC0415 # same
        from mlworker.serving.services import deployed_model_keep  # noqa: PLC0415 # same

        register_model_source(deployment_listings)
        subscribe(ModelVersionDeleting, deployed_model_keep)
        public_events.register()
