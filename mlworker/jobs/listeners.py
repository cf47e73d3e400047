"""What happens elsewhere and concerns jobs."""

from anneal.kernel.events import DatasetDeleting, OrganizationSuspended
from mlworker.jobs.errors import DatasetInUse, ModelContinued
from mlworker.jobs.selectors import dataset_is_used
from mlworker.jobs.stopping import drain
from mlworker.registry.contracts import ModelVersionDeleting


def dataset_guard(event: DatasetDeleting) -> None:
    """Refuse to lose a dataset that an unfinished job needs."""
    if dataset_is_used(organization=event.organization, dataset_id=event.dataset_id):
        raise DatasetInUse


def model_guard(event: ModelVersionDeleting) -> None:
    """Refuse to lose a model that an unfinished job begins with."""
    from mlworker.jobs.continuing import (  # noqa: PLC0415 # it needs the settings of trainings
        model_is_needed,
    )

    if model_is_needed(organization=event.organization, name=event.name):
        raise ModelContinued


def jobs_pause(event: OrganizationSuspended) -> None:
    """A suspended organization's jobs stop; they can be resumed when it is restored."""
    from mlworker.jobs.services import (  # noqa: PLC0415 # tokenizers need not load at every start
        fine_tuning_jobs_pause_all,
    )

    fine_tuning_jobs_pause_all(organization=event.organization)


def worker_drain(**_: object) -> None:
    """SIGTERM: every job of this process writes a checkpoint and goes back to the queue."""
    drain()
