"""What people and keys do with jobs."""

from mlworker.jobs.services.control import (
    fine_tuning_checkpoint_delete,
    fine_tuning_job_cancel,
    fine_tuning_job_pause,
    fine_tuning_job_resume,
    fine_tuning_jobs_pause_all,
)
from mlworker.jobs.services.submit import fine_tuning_job_estimate, fine_tuning_job_submit

__all__ = [
    "fine_tuning_checkpoint_delete",
    "fine_tuning_job_cancel",
    "fine_tuning_job_estimate",
    "fine_tuning_job_pause",
    "fine_tuning_job_resume",
    "fine_tuning_job_submit",
    "fine_tuning_jobs_pause_all",
]
