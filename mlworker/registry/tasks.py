"""Background work of the registry."""

from anneal.kernel.storage import object_delete
from anneal.kernel.tasks import task


@task(name="registry.artifact_delete", queue="default")
def artifact_delete(key: str) -> None:
    """Delete the files of a version that is gone."""
    object_delete(key)
