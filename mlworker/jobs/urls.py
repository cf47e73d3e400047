"""Addresses of the jobs, under ``v1/``."""

from django.urls import path

from mlworker.jobs.api import study, views
from mlworker.jobs.api.hyperparameters import HyperparametersView
from mlworker.jobs.api.samples import SamplesView
from mlworker.jobs.api.stream import job_stream

_JOB = "fine_tuning/jobs/<str:job_id>"

urlpatterns = [
    path("fine_tuning/jobs", views.JobsView.as_view(), name="fine-tuning-jobs"),
    path(
        "fine_tuning/jobs/estimate",
        views.EstimateView.as_view(),
        name="fine-tuning-jobs-estimate",
    ),
    path(
        "fine_tuning/hyperparameters",
        HyperparametersView.as_view(),
        name="fine-tuning-hyperparameters",
    ),
    path(_JOB, views.JobView.as_view(), name="fine-tuning-job"),
    path(f"{_JOB}/cancel", views.JobCancelView.as_view(), name="fine-tuning-job-cancel"),
    path(f"{_JOB}/pause", views.JobPauseView.as_view(), name="fine-tuning-job-pause"),
    path(f"{_JOB}/resume", views.JobResumeView.as_view(), name="fine-tuning-job-resume"),
    path(f"{_JOB}/events", views.JobEventsView.as_view(), name="fine-tuning-job-events"),
    path(
        f"{_JOB}/checkpoints",
        views.JobCheckpointsView.as_view(),
        name="fine-tuning-job-checkpoints",
    ),
    path(
        f"{_JOB}/checkpoints/<str:checkpoint_id>",
        views.JobCheckpointView.as_view(),
        name="fine-tuning-job-checkpoint",
    ),
    path(
        f"{_JOB}/label_errors", study.LabelErrorsView.as_view(), name="fine-tuning-job-label-errors"
    ),
    path(
        f"{_JOB}/label_errors.csv",
        study.LabelErrorsCsvView.as_view(),
        name="fine-tuning-job-label-errors-csv",
    ),
    path(
        f"{_JOB}/out_of_fold.parquet",
        study.OutOfFoldView.as_view(),
        name="fine-tuning-job-out-of-fold",
    ),
    path(
        f"{_JOB}/tensorboard",
        views.JobTensorboardView.as_view(),
        name="fine-tuning-job-tensorboard",
    ),
    path(f"{_JOB}/samples", SamplesView.as_view(), name="fine-tuning-job-samples"),
    path(f"{_JOB}/stream", job_stream, name="fine-tuning-job-stream"),
]
