"""Fine-tuning as a customer does it, and a look behind it for the tests that break things."""

import contextlib
import json
import logging
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import psutil
import psycopg

from anneal.local.credentials import secrets_load
from anneal.local.paths import home_open
from tenants.datasets.samples import sample_csv
from tests.live.machine import ROOT, Installation

logging.getLogger("httpx").setLevel(logging.WARNING)
PLAIN = ssl.create_default_context()
"""Made once: reading the authorities anew takes twenty times as long as a call without TLS."""

STEP_SECONDS = 0.06
SLOW_STEPS = json.dumps({"step_delay_ms": 1000 * STEP_SECONDS})
LEASE = 3.0
CHECKPOINT_SECONDS = 1.0
VISIBILITY_SECONDS = 2.0
IMPATIENT = {
    "ANNEAL_JOB_LEASE_SECONDS": str(LEASE),
    "ANNEAL_JOB_CHECKPOINT_SECONDS": str(CHECKPOINT_SECONDS),
    "ANNEAL_TRAIN_THREADS": "1",
    "ANNEAL_TRAINER_TEST_HOOKS": SLOW_STEPS,
    # Messages come again while the first of them is still worked on.
    "ANNEAL_BROKER_VISIBILITY_SECONDS": str(VISIBILITY_SECONDS),
}
"""Short leases, many checkpoints, slow steps: there is time to break something."""


def lora(epochs: int) -> dict[str, Any]:
    """A job of six steps an epoch, every step taken."""
    return {
        "tier": "lora",
        "seed": 7,
        "hyperparameters": {"n_epochs": epochs, "patience": 0},
    }


LORA = lora(3)
HEAD = {"tier": "head", "seed": 7}
TERMINAL = {"succeeded", "failed", "cancelled"}


class ImpatientInstallation(Installation):
    """An installation whose jobs have short leases and slow steps."""

    @property
    def plain_env(self) -> dict[str, str]:
        """A person's shell, with the tests' settings."""
        return super().plain_env | IMPATIENT


class Customer:
    """An organization and its API key."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        account = installation.account_new()
        self.key, self.slug, self.organization = account.key, account.slug, account.id

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Call the API."""
        headers = {"Authorization": f"Bearer {self.key}", **options.pop("headers", {})}
        url = f"{self.installation.url}/v1{path}"
        return httpx.request(method, url, headers=headers, timeout=30, verify=PLAIN, **options)

    def get(self, path: str) -> dict[str, Any]:
        """GET what must be there."""
        return _body(self.call("GET", path))

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """POST what must be accepted."""
        return _body(self.call("POST", path, json=body or {}))

    def dataset(self, rows: int = 160) -> str:
        """Upload so many of the sample reviews; the dataset's id."""
        upload = {"file": ("reviews.csv", sample_csv(rows), "text/csv")}
        return str(_body(self.call("POST", "/datasets", files=upload))["id"])

    def submit(self, dataset: str, **body: Any) -> str:
        """Submit a job; its id."""
        job = self.post(
            "/fine_tuning/jobs", {"model": "minilm-l6", "training_file": dataset, **body}
        )
        return str(job["id"])

    def job(self, job_id: str) -> dict[str, Any]:
        """Return a job."""
        return self.get(f"/fine_tuning/jobs/{job_id}")

    def wait(
        self,
        job_id: str,
        until: Callable[[dict[str, Any]], bool],
        seconds: float = 60.0,
        pause: float = 0.15,
    ) -> dict[str, Any]:
        """Wait until a job is as wanted."""
        deadline = time.monotonic() + seconds
        while not until(job := self.job(job_id)):
            assert time.monotonic() < deadline, f"{job}\n{self.messages(job_id)}"
            time.sleep(pause)
        return job

    def ended(self, job_id: str, seconds: float = 90.0) -> dict[str, Any]:
        """Wait until a job has ended, which it does not take back: asking costs a core's tenth."""
        return self.wait(job_id, lambda job: job["status"] in TERMINAL, seconds, pause=0.5)

    def stepping(self, job_id: str, step: int = 1) -> dict[str, Any]:
        """Wait until a running job has done so many steps."""
        return self.wait(
            job_id,
            lambda job: job["status"] == "running" and job["progress"]["step"] >= step,
        )

    def checkpointed(self, job_id: str, number: int = 1) -> None:
        """Wait until a job has so many checkpoints."""
        self.wait(job_id, lambda _: self.codes(job_id).count("checkpoint.saved") >= number)

    def events(self, job_id: str) -> list[dict[str, Any]]:
        """Return all events of a job, oldest first."""
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            page = self.get(f"/fine_tuning/jobs/{job_id}/events?limit=100{after}")
            found += page["data"]
            if not page["has_more"]:
                return found[::-1]
            after = f"&after={page['last_id']}"

    def codes(self, job_id: str) -> list[str]:
        """Return the codes of a job's events, oldest first."""
        return [str(event["code"]) for event in self.events(job_id)]

    def continued(self, job_id: str) -> list[int]:
        """Return the steps from which a job went on, oldest first."""
        found = re.findall(r"Continuing from the checkpoint at step (\d+)", self.messages(job_id))
        return [int(step) for step in found]

    def messages(self, job_id: str) -> str:
        """Return a job's codes and messages, oldest first, a line each."""
        return "\n".join(f"{event['code']}: {event['message']}" for event in self.events(job_id))

    def tokens(self) -> dict[str, int]:
        """Return the balance of trained tokens."""
        balances = self.get("/billing/balance")["data"]
        found = next(balance for balance in balances if balance["unit"] == "trained_token")
        return {name: int(float(found[name])) for name in ("held", "consumed", "available")}

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Read the organization's rows behind the API; ``%s`` is the organization."""
        with psycopg.connect(self.installation.superuser_url) as link:
            return link.execute(query, [self.organization]).fetchall()  # type: ignore[arg-type]

    def counted(self) -> dict[str, int]:
        """Return the trained tokens that usage events count, by job."""
        events = self.rows(
            "SELECT event_id, units FROM metering_usageevent"
            " WHERE organization_id = %s AND meter = 'trained_token'"
        )
        jobs: dict[str, int] = {}
        for event, units in events:
            job, _, step = event.partition(":")
            assert not step or step.isdecimal(), event
            jobs[job] = jobs.get(job, 0) + int(units)
        return jobs

    def assert_once(self, *job_ids: str) -> None:
        """Every job has succeeded once, left one model and was charged once for what it shows.

        A job's usage events are named after it: one for each checkpoint, one for its end.
        """
        for job_id in job_ids:
            assert self.codes(job_id).count("job.succeeded") == 1, self.messages(job_id)
        jobs = [self.job(job_id) for job_id in job_ids]
        assert {job["status"] for job in jobs} == {"succeeded"}
        assert len({job["fine_tuned_model"] for job in jobs}) == len(jobs)
        assert self.counted() == {job["id"]: job["trained_tokens"] for job in jobs}
        tokens = self.tokens()
        assert tokens["held"] == 0
        assert tokens["consumed"] == sum(job["trained_tokens"] for job in jobs)
        models = self.rows("SELECT name FROM registry_modelversion WHERE organization_id = %s")
        assert sorted(name for (name,) in models) == sorted(job["fine_tuned_model"] for job in jobs)


def _body(response: httpx.Response) -> dict[str, Any]:
    assert response.is_success, f"{response.request.url}: {response.status_code} {response.text}"
    body: dict[str, Any] = response.json()
    return body


def trainers(installation: Installation) -> list[psutil.Process]:
    """Return the trainer processes of an installation, whoever their parent is now."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            line = " ".join(process.cmdline())
            if "mlworker.engine.trainer" in line and str(installation.home) in line:
                found.append(process)
    return found


def trainer(installation: Installation, seconds: float = 30.0) -> psutil.Process:
    """Wait for the trainer's process itself, past its jail."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for process in trainers(installation):
            with contextlib.suppress(psutil.Error):
                if "jail.py" not in " ".join(process.cmdline()):
                    return process
        time.sleep(0.05)
    raise AssertionError("No trainer was started.")


def trainers_kill(installation: Installation, number: signal.Signals, *, times: int) -> None:
    """Send a signal to so many trainers, each as soon as it is there."""
    killed: set[int] = set()
    while len(killed) < times:
        process = trainer(installation)
        if process.pid not in killed:
            process.send_signal(number)
            killed.add(process.pid)
        time.sleep(0.05)


def process_env(installation: Installation) -> dict[str, str]:
    """Return the environment of one of the installation's processes."""
    home = home_open(installation.home)
    env = {**installation.plain_env, **installation.env}
    env.pop("DATABASE_OWNER_URL")
    return env | {
        "SECRET_KEY": secrets_load(home).key,
        "DJANGO_SETTINGS_MODULE": "anneal.settings",
        "PYTHONPATH": os.pathsep.join((str(ROOT / "platform"), str(ROOT))),
    }


@contextlib.contextmanager
def second_worker(installation: Installation) -> Iterator[subprocess.Popen[bytes]]:
    """Run one more training worker beside the installation's own."""
    command = [sys.executable, "-m", "celery", "-A", "anneal.worker", "worker", "-Q", "train"]
    command += ["-n", "second@%h", "--pool", "threads", "--concurrency", "1"]
    command += ["--without-gossip", "--without-mingle", "--loglevel", "INFO"]
    with (installation.home / "second.log").open("wb") as log:
        worker = subprocess.Popen(
            command, cwd=ROOT, env=process_env(installation), stdout=log, stderr=log
        )
        try:
            yield worker
        finally:
            worker.kill()
            worker.wait()
