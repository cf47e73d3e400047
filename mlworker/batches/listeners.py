"""What happens elsewhere and concerns batches."""

from anneal.kernel.events import OrganizationSuspended
from mlworker.batches.errors import BatchModelInUse
from mlworker.batches.stopping import drain
from mlworker.registry.contracts import ModelVersionDeleting


def batches_stop(event: OrganizationSuspended) -> None:
    """A suspended organization's batches end with what is answered."""
    from mlworker.batches.services import (  # noqa: PLC0415 # readers need not load at every start
        batches_cancel_all,
    )

    batches_cancel_all(organization=event.organization)


def model_guard(event: ModelVersionDeleting) -> None:
    """Refuse to lose a model that an unfinished batch runs on."""
    from mlworker.batches.models import Batch  # noqa: PLC0415 # apps are ready only now

    needed = Batch.objects.filter(
        organization_id=event.organization.id, finished_at__isnull=True, version_name=event.name
    )
    if needed.exists():
        raise BatchModelInUse


def worker_drain(**_: object) -> None:
    """SIGTERM: this process gives its batch back."""
    drain()
