"""`tensorboard`: write a job's event file and open TensorBoard on it, where that is installed."""

import argparse
import importlib.util
import subprocess
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from anneal.kernel.errors import NotFound
from anneal.kernel.ids import parse_id
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from mlworker.jobs.contracts import JOB_PREFIX
from mlworker.jobs.models import FineTuningJob
from mlworker.jobs.tensorboard import event_file


class Command(BaseCommand):
    """Make the folder that TensorBoard reads, and start it there."""

    help = "Write a job's TensorBoard event file and open TensorBoard on it, if it is installed."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Name the job."""
        parser.add_argument("job", help="id of a fine-tuning job: ftjob-...")
        parser.add_argument("--port", type=int, default=6006)
        parser.add_argument("--write-only", action="store_true", help="write the file and end")

    def handle(self, *args: Any, job: str, port: int, write_only: bool, **options: Any) -> None:
        """Write, then run TensorBoard until it is stopped."""
        try:
            job_id = parse_id(JOB_PREFIX, job)
        except NotFound as error:
            raise CommandError(f"'{job}' is no id of a job: {JOB_PREFIX}...") from error
        with system_scope("tensorboard command"):
            row = FineTuningJob.objects.filter(id=job_id).first()
        if row is None:
            raise CommandError(f"There is no job {job}.")
        organization = OrganizationRef(row.organization_id, row.organization_slug)
        with tenant_scope(organization):
            data = event_file(organization=organization, job_id=job_id)
        folder = settings.ANNEAL_HOME / "tensorboard" / job
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "events.out.tfevents.anneal").write_bytes(data)
        self.stdout.write(f"{folder}")
        if write_only:
            return
        if importlib.util.find_spec("tensorboard") is None:
            raise CommandError(
                "TensorBoard is not installed here: pip install tensorboard (anywhere), then "
                f"tensorboard --logdir {folder}"
            )
        subprocess.run(  # our own arguments
            [sys.executable, "-m", "tensorboard.main", "--logdir", folder, "--port", str(port)],
            check=False,
        )
