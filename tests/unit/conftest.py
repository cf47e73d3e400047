"""The unit tests' database: cloned by the owner from a migrated template, used as the app role.

The app role can neither create nor flush a database, which is the point: what passes here passes
with the rights of a running process.
"""

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from django.db import connections
from psycopg import sql
from rest_framework.test import APIClient
from whitenoise.middleware import WhiteNoiseMiddleware

from anneal.kernel.redis_url import broker_url
from anneal.kernel.scopes import OrganizationRef
from tests.unit.factories import make_client, make_organization

ROOT = Path(__file__).resolve().parents[2]


def pytest_configure() -> None:
    """Give each process a database of Redis: queues, engines and limits are named alike in all."""
    number = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    if not number:
        return
    url = re.sub(r"\d+$", number, settings.REDIS_URL)
    os.environ["REDIS_URL"] = settings.REDIS_URL = url
    settings.CACHES["default"]["LOCATION"] = url
    settings.CELERY_BROKER_URL = broker_url(url)


def _fingerprint() -> str:
    """Name the schema by what makes it, so that a changed migration makes a new template."""
    digest = hashlib.sha256()
    for folder in ("platform/anneal", "tenants", "billing", "mlworker"):
        for path in sorted((ROOT / folder).rglob("migrations/**/*.[ps][yq]*")):
            digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    for path in ("kernel/tables.py", "kernel/monthly_partitions.sql", "kernel/roles.sql"):
        digest.update((ROOT / "platform/anneal" / path).read_bytes())
    return digest.hexdigest()[:12]


def _url(base: str, database: str) -> str:
    head, _, query = base.partition("?")
    return f"{head.rsplit('/', 1)[0]}/{database}" + (f"?{query}" if query else "")


def _template(admin: psycopg.Connection[tuple[object, ...]], owner_url: str) -> str:
    name = f"anneal_template_{_fingerprint()}"
    # The lock makes parallel runs build the template once.
    admin.execute("SELECT pg_advisory_lock(7261001)")
    try:
        if admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            return name
        building = f"{name}_building"
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(building)))
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(
                sql.Identifier(building)
            )
        )
        subprocess.run(
            [sys.executable, "-m", "django", "migrate", "--verbosity", "0", "--skip-checks"],
            check=True,
            cwd=ROOT,
            env=os.environ | {"DATABASE_OWNER_URL": _url(owner_url, building)},
        )
        admin.execute(
            sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                sql.Identifier(building), sql.Identifier(name)
            )
        )
        return name
    finally:
        admin.execute("SELECT pg_advisory_unlock(7261001)")


@contextmanager
def database_cloned() -> Iterator["DatabaseClone"]:
    """Make a database from the template, and drop it."""
    owner_url = os.environ["DATABASE_OWNER_URL"]
    name = f"anneal_test_{uuid4().hex[:10]}"
    with psycopg.connect(_url(owner_url, "postgres"), autocommit=True) as admin:
        template = _template(admin, owner_url)
        make = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        admin.execute(make.format(sql.Identifier(name), sql.Identifier(template)))
        try:
            yield DatabaseClone(
                name=name,
                app_url=_url(os.environ["DATABASE_URL"], name),
                owner_url=_url(owner_url, name),
            )
        finally:
            _drop(admin, name)


@pytest.fixture(scope="session")
def database_clone() -> Iterator["DatabaseClone"]:
    """A database of this run, dropped at its end."""
    with database_cloned() as clone:
        yield clone


def _drop(admin: psycopg.Connection[Any], name: str) -> None:
    """Without FORCE it waits five seconds for backends that leave; the owner may not end theirs."""
    drop = sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name))
    for _ in range(5):
        with suppress(psycopg.errors.ObjectInUse):
            admin.execute(drop)
            return
    admin.execute(drop)


class DatabaseClone:
    """Where the run's database is, as the app and as the owner."""

    def __init__(self, *, name: str, app_url: str, owner_url: str) -> None:
        self.name, self.app_url, self.owner_url = name, app_url, owner_url


@pytest.fixture(scope="session")
def django_db_setup(
    database_clone: DatabaseClone, django_db_blocker: pytest.FixtureRequest
) -> Iterator[None]:
    """Point Django at the clone; nothing is created or flushed by the app role."""
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)  # else WhiteNoise warns
    settings.DATABASES["default"]["NAME"] = database_clone.name
    connections["default"].settings_dict["NAME"] = database_clone.name
    # A pool keeps connections that the drop at the end would have to wait for.
    connections["default"].settings_dict["OPTIONS"].pop("pool", None)
    yield
    connections["default"].close()


@pytest.fixture(scope="session", autouse=True)
def static_files_listed_once() -> Iterator[None]:
    """Every test client builds the middleware anew; listing the static files is a third of that.

    They are the same files each time, so the first list is kept and the others copy it.
    """
    listed: dict[str, Any] = {}
    found = WhiteNoiseMiddleware.add_files_from_finders

    def add_files(self: WhiteNoiseMiddleware) -> None:
        if not listed:
            found(self)
            listed.update(self.files)
        self.files.update(listed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", add_files)
        yield


@pytest.fixture
def organization(db: None) -> OrganizationRef:
    """The organization a test acts for."""
    return make_organization("acme")


@pytest.fixture
def other_organization(db: None) -> OrganizationRef:
    """Somebody else's organization: its rows must never be seen."""
    return make_organization("rival")


@pytest.fixture
def client_api(organization: OrganizationRef) -> APIClient:
    """A client of ``organization`` that may do everything."""
    return make_client(organization)


@pytest.fixture
def other_client_api(other_organization: OrganizationRef) -> APIClient:
    """A client of somebody else."""
    return make_client(other_organization)
