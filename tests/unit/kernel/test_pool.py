"""Scopes over a real connection pool: nothing of one borrower reaches the next."""

import concurrent.futures
from uuid import UUID

import pytest
from django.db import connection
from psycopg_pool import ConnectionPool

from anneal.kernel.scopes import OrganizationRef
from tests.unit.conftest import DatabaseClone
from tests.unit.kernel.committed import committed_organizations

SET = "SELECT set_config('app.organization_id', %s, true)"


def test_interleaved_organizations_each_see_their_own(database_clone: DatabaseClone) -> None:
    with (
        committed_organizations(database_clone, 10) as organizations,
        ConnectionPool(database_clone.app_url, min_size=2, max_size=2, open=True) as pool,
    ):

        def visible(organization: OrganizationRef) -> list[UUID]:
            with pool.connection() as borrowed, borrowed.transaction():
                borrowed.execute(SET, [str(organization.id)])
                rows = borrowed.execute("SELECT id FROM accounts_organization").fetchall()
            return [row[0] for row in rows]

        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            seen = list(threads.map(visible, organizations * 20))
        assert seen == [[organization.id] for organization in organizations * 20]


def test_a_borrower_that_forgets_its_scope_sees_nothing(database_clone: DatabaseClone) -> None:
    with (
        committed_organizations(database_clone, 1) as (organization,),
        ConnectionPool(database_clone.app_url, min_size=1, max_size=1, open=True) as pool,
    ):
        count = "SELECT count(*) FROM accounts_organization"
        with pool.connection() as fresh:
            assert fresh.execute(count).fetchone() == (0,)
        with pool.connection() as borrowed, borrowed.transaction():
            borrowed.execute(SET, [str(organization.id)])
            assert borrowed.execute(count).fetchone() == (1,)
        with pool.connection() as reused:
            assert reused.execute(count).fetchone() == (0,)


@pytest.mark.django_db
def test_the_pool_is_bounded_and_checked() -> None:
    from django.conf import settings  # noqa: PLC0415 # settings are ready only in the test

    assert settings.DATABASES["default"]["CONN_HEALTH_CHECKS"] is True
    assert settings.DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] is True
    assert connection.settings_dict["CONN_MAX_AGE"] == 0
