"""Addresses of files and datasets, under /v1/."""

from django.urls import path

from tenants.datasets.api import datasets, files

urlpatterns = [
    path("files", files.FilesView.as_view()),
    path("files/<str:file_id>", files.FileView.as_view()),
    path("files/<str:file_id>/content", files.FileContentView.as_view()),
    path("datasets", datasets.DatasetsView.as_view()),
    path("datasets/preview", datasets.DatasetPreviewView.as_view()),
    path("datasets/sample", datasets.DatasetSampleView.as_view()),
    path("datasets/<str:dataset_id>", datasets.DatasetView.as_view()),
    path("datasets/<str:dataset_id>/versions", datasets.DatasetVersionsView.as_view()),
    path(
        "datasets/<str:dataset_id>/versions/<str:version_id>", datasets.DatasetVersionView.as_view()
    ),
    path("datasets/<str:dataset_id>/rows", datasets.DatasetRowsView.as_view()),
    path("datasets/<str:dataset_id>/stats", datasets.DatasetStatsView.as_view()),
]
