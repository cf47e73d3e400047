"""The services of files, datasets and versions, by noun."""

from tenants.datasets.services.datasets import (
    dataset_create,
    dataset_create_sample,
    dataset_delete,
    dataset_from_file,
    dataset_remap,
    dataset_version_add,
)
from tenants.datasets.services.files import file_add_stored, file_create, file_delete

__all__ = [
    "dataset_create",
    "dataset_create_sample",
    "dataset_delete",
    "dataset_from_file",
    "dataset_remap",
    "dataset_version_add",
    "file_add_stored",
    "file_create",
    "file_delete",
]
