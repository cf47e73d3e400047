"""Two organizations, every tenant table, both layers, one at a time."""

from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models, transaction
from django.db.models import Count, Exists, OuterRef
from django.http import StreamingHttpResponse
from django.template import Context, Template

from anneal.kernel.models import AuditEvent, IdempotencyRecord, OutboxMessage
from anneal.kernel.principal import Role
from anneal.kernel.scopes import OrganizationRef, ScopeError, system_scope, tenant_scope
from tenants.accounts.models import Membership, OperatorLink, Organization
from tenants.keys.models import ApiKey
from tests.unit.factories import make_key

pytestmark = pytest.mark.django_db

TENANT_MODELS = [
    model for model in apps.get_models() if getattr(model, "table_class", None) == "tenant"
]


def _record(key: str) -> IdempotencyRecord:
    record = IdempotencyRecord(
        method="POST", path="/x", key=key, request_hash="0", status=200, response="{}"
    )
    record.save(force_insert=True)
    return record


@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda model: model._meta.label)
def test_without_a_scope_every_query_raises(model: type[models.Model]) -> None:
    rows = model._default_manager.all()
    for query in (
        lambda: list(rows),
        rows.count,
        rows.exists,
        rows.first,
        lambda: rows.aggregate(n=Count("pk")),
        lambda: rows.filter(pk=None).explain(),
        lambda: list(rows.values_list("pk")),
        lambda: list(rows.union(rows)),
        lambda: rows.update(organization_id=None),
        rows.delete,
        lambda: rows._raw_delete("default"),
        lambda: rows.in_bulk([]) or list(rows),
        lambda: model._base_manager.count(),
        lambda: model().save(),
    ):
        with pytest.raises(ScopeError):
            query()


@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda model: model._meta.label)
def test_without_a_scope_raw_sql_sees_no_row(model: type[models.Model]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT count(*) FROM "{model._meta.db_table}"')
        assert cursor.fetchone() == (0,)


def test_rows_of_another_organization_are_invisible(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    with tenant_scope(other_organization):
        theirs = _record("theirs")
    with tenant_scope(organization):
        ours = _record("ours")
        rows = IdempotencyRecord.objects.all()
        assert list(rows) == [ours]
        assert rows.filter(pk=theirs.pk).exists() is False
        assert rows.filter(pk=theirs.pk).update(status=500) == 0
        assert rows.filter(pk=theirs.pk).delete() == (0, {})
        assert rows.aggregate(n=Count("pk")) == {"n": 1}
        assert list(rows.union(rows)) == [ours]
        assert rows.filter(Exists(IdempotencyRecord.objects.filter(pk=OuterRef("pk")))).count() == 1
        with connection.cursor() as cursor:
            cursor.execute("SELECT key FROM kernel_idempotencyrecord")
            assert cursor.fetchall() == [("ours",)]
            cursor.execute("UPDATE kernel_idempotencyrecord SET status = 500")
            assert cursor.rowcount == 1
    with tenant_scope(other_organization):
        assert IdempotencyRecord.objects.get().status == 200


def test_the_manager_alone_already_narrows(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    """With row level security lifted by the system's role, the first layer still narrows."""
    with tenant_scope(other_organization):
        _record("theirs")
    with tenant_scope(organization):
        _record("ours")
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL ROLE anneal_system")
        assert [row.key for row in IdempotencyRecord.objects.all()] == ["ours"]
        assert IdempotencyRecord.objects.update(status=201) == 1
        assert IdempotencyRecord.objects.all().delete()[0] == 1
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM kernel_idempotencyrecord")
            assert cursor.fetchone() == (1,)
            cursor.execute("RESET ROLE")


def test_the_manager_alone_narrows_what_tenants_see_of_system_tables(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    for owner in (organization, other_organization):
        make_key(owner, Role.VIEWER)
    with tenant_scope(organization):
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL ROLE anneal_system")
        assert [row.id for row in Organization.objects.all()] == [organization.id]
        for model in (Membership, ApiKey):
            owners = model.objects.values_list("organization_id", flat=True)
            assert set(owners) == {organization.id}
        assert ApiKey.objects.update(name="mine") == 1
        assert Membership.objects.filter(organization_id=other_organization.id).delete()[0] == 0
        with pytest.raises(ScopeError):
            OperatorLink.objects.update(used_at=None)
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")


def test_a_row_of_another_organization_cannot_be_written(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    with tenant_scope(organization):
        with pytest.raises(ScopeError):
            AuditEvent(organization_id=other_organization.id, action="x.y").save()
        for statement in (
            "INSERT INTO kernel_auditevent (id, organization_id, created_at, action, actor_kind,"
            " actor_label, target, detail) VALUES (gen_random_uuid(), %s, now(), 'a', 'b', 'c',"
            " 'd', '{}')",
        ):
            with pytest.raises(Exception, match="row-level security"), transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute(statement, [other_organization.id])


def test_a_row_cannot_point_at_another_organizations(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    """Foreign keys ignore row level security; the composite key does not let the pair exist."""
    constraints = {
        name
        for (name,) in _fetch(
            "SELECT conname FROM pg_constraint WHERE contype = 'f' AND conname LIKE '%_tenant_fk'"
        )
    }
    assert "datasets_datasetversion_dataset_id_tenant_fk" in constraints
    with tenant_scope(other_organization), connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND NOT convalidated"
        )
        assert cursor.fetchone() == (0,)
    assert organization != other_organization


def _fetch(sql: str) -> list[tuple[str]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def test_scopes_do_not_nest_and_leave_nothing_behind(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    with tenant_scope(organization):
        with pytest.raises(ScopeError), tenant_scope(other_organization):
            raise AssertionError("not reached")
        with pytest.raises(ScopeError), system_scope("nested"):
            raise AssertionError("not reached")
    assert _fetch("SELECT coalesce(current_setting('app.organization_id', true), '')") == [("",)]
    with system_scope("test"):
        assert _fetch("SELECT current_user::text") == [("anneal_system",)]
    assert _fetch("SELECT current_user::text") == [("anneal_app",)]


def test_an_exception_rolls_back_and_closes_the_scope(organization: OrganizationRef) -> None:
    with pytest.raises(ZeroDivisionError), tenant_scope(organization):
        _record("lost")
        _ = 1 / 0
    assert _fetch("SELECT coalesce(current_setting('app.organization_id', true), '')") == [("",)]
    with tenant_scope(organization):
        assert not IdempotencyRecord.objects.exists()
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            _record("lost too")
            _ = 1 / 0
        _record("kept")
    with tenant_scope(organization):
        assert [row.key for row in IdempotencyRecord.objects.all()] == ["kept"]


def test_a_query_built_in_one_scope_runs_in_the_next(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    with tenant_scope(organization):
        _record("ours")
        lazy = IdempotencyRecord.objects.all()
    with tenant_scope(other_organization):
        assert list(lazy) == []
    with pytest.raises(ScopeError):
        list(lazy.all())


def test_the_outbox_is_written_by_tenants_and_read_by_the_system(
    organization: OrganizationRef,
) -> None:
    with tenant_scope(organization):
        OutboxMessage(task="t", queue="q").save(force_insert=True)
        with pytest.raises(ScopeError):
            OutboxMessage.objects.count()
    with system_scope("test"):
        assert OutboxMessage.objects.filter(task="t").count() == 1


def test_what_runs_after_the_scope_raises_instead_of_seeing_nothing(
    organization: OrganizationRef, django_capture_on_commit_callbacks: Any
) -> None:
    """Late callbacks, lazy templates and streams are outside the door: loud, never silent."""
    with django_capture_on_commit_callbacks() as callbacks, tenant_scope(organization):
        _record("ours")
        lazy = IdempotencyRecord.objects.all()
        transaction.on_commit(lambda: list(lazy))
    with pytest.raises(ScopeError):
        callbacks[0]()
    template = Template("{% for row in rows %}{{ row.key }}{% endfor %}")
    with pytest.raises(ScopeError):
        template.render(Context({"rows": lazy}))
    stream = StreamingHttpResponse(row.key for row in lazy.all().iterator())
    with pytest.raises(ScopeError):
        b"".join(stream)
    with tenant_scope(organization):
        assert template.render(Context({"rows": lazy.all()})) == "ours"
