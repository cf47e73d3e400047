"""The first layer of isolation: a manager that raises without a scope and filters within one.

The check sits in the SQL compiler, where every read ends, and in the few queryset methods that
leave it (update, delete, raw). Row level security in Postgres is the second, independent layer.
"""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar, cast

from django.db import models
from django.db.models.sql import Query
from django.db.models.sql.compiler import SQLCompiler

from anneal.kernel.scopes import Scope, ScopeError, current_scope

ModelType = TypeVar("ModelType", bound=models.Model)


def _open_scope(model: type[models.Model]) -> Scope:
    scope = current_scope()
    if scope is None:
        raise ScopeError(f"{model.__name__} was queried outside tenant_scope and system_scope.")
    return scope


def _compiled(query: Query, using: str | None, connection: Any, elide_empty: bool) -> SQLCompiler:
    """Compile as Django does, past the guards below."""
    return cast("SQLCompiler", Query.get_compiler(query, using, connection, elide_empty))


class TenantQuery(Query):
    """A query that compiles inside a scope only, and to the scope's own rows."""

    def get_compiler(
        self, using: str | None = None, connection: Any = None, elide_empty: bool = True
    ) -> SQLCompiler:
        """Compile a copy narrowed to the open scope's organization."""
        model = cast("type[models.Model]", self.model)
        organization = _open_scope(model).organization
        if organization is None or self.combinator:
            return _compiled(self, using, connection, elide_empty)
        narrowed = self.clone()
        narrowed.add_q(models.Q(organization_id=organization.id))
        return _compiled(narrowed, using, connection, elide_empty)


class TenantQuerySet(models.QuerySet[ModelType]):
    """Rows of the open scope. Writes are narrowed here, since their queries change class."""

    def __init__(
        self,
        model: type[models.Model] | None = None,
        query: Query | None = None,
        using: str | None = None,
        hints: dict[str, models.Model] | None = None,
    ) -> None:
        if query is None and model is not None:
            query = TenantQuery(model)
        super().__init__(cast("Any", model), query, using, hints)

    def _narrowed(self) -> "TenantQuerySet[ModelType]":
        organization = _open_scope(self.model).organization
        if organization is None:
            return self
        narrowed = self._chain()  # type: ignore[attr-defined] # Django's own cloning method
        narrowed.query.add_q(models.Q(organization_id=organization.id))
        return cast("TenantQuerySet[ModelType]", narrowed)

    def update(self, **kwargs: Any) -> int:
        """Update the scope's rows."""
        return super(TenantQuerySet, self._narrowed()).update(**kwargs)

    update.alters_data = True  # type: ignore[attr-defined] # templates must not call it

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete the scope's rows."""
        return super(TenantQuerySet, self._narrowed()).delete()

    delete.alters_data = True  # type: ignore[attr-defined] # templates must not call it

    def _raw_delete(self, using: str | None) -> int:
        narrowed = cast("Any", super(TenantQuerySet, self._narrowed()))
        return cast("int", narrowed._raw_delete(using))

    def bulk_create(self, objs: Iterable[ModelType], *args: Any, **kwargs: Any) -> list[ModelType]:
        """Insert rows, each given the scope's organization or refused."""
        rows: Sequence[ModelType] = list(objs)
        for row in rows:
            organization_fill(row)
        return super().bulk_create(rows, *args, **kwargs)

    def raw(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: raw SQL cannot be narrowed. Use a cursor inside the scope, where RLS holds."""
        raise ScopeError("raw() bypasses the tenant filter: use the ORM or a cursor.")


class SystemQuery(Query):
    """A query on a system table: it needs a scope, and leaves the rows to row level security."""

    def get_compiler(
        self, using: str | None = None, connection: Any = None, elide_empty: bool = True
    ) -> SQLCompiler:
        """Compile inside an open scope; a table closed to tenants needs the system's."""
        model = cast("type[models.Model]", self.model)
        scope = _open_scope(model)
        if scope.organization is not None and not getattr(model, "tenant_readable", False):
            raise ScopeError(f"{model.__name__} is read in system_scope only.")
        return _compiled(self, using, connection, elide_empty)


class SystemQuerySet(models.QuerySet[ModelType]):
    """Rows of a system table."""

    def __init__(
        self,
        model: type[models.Model] | None = None,
        query: Query | None = None,
        using: str | None = None,
        hints: dict[str, models.Model] | None = None,
    ) -> None:
        if query is None and model is not None:
            query = SystemQuery(model)
        super().__init__(cast("Any", model), query, using, hints)

    def update(self, **kwargs: Any) -> int:
        """Update rows, inside a scope."""
        _open_scope(self.model)
        return super().update(**kwargs)

    update.alters_data = True  # type: ignore[attr-defined] # templates must not call it

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete rows, inside a scope."""
        _open_scope(self.model)
        return super().delete()

    delete.alters_data = True  # type: ignore[attr-defined] # templates must not call it


class TenantManager(models.Manager[ModelType]):
    """The manager of tenant tables."""

    def get_queryset(self) -> TenantQuerySet[ModelType]:
        """Return a queryset that will ask for the scope when it is compiled."""
        return TenantQuerySet(self.model, using=self._db)


class SystemManager(models.Manager[ModelType]):
    """The manager of system tables."""

    def get_queryset(self) -> SystemQuerySet[ModelType]:
        """Return a queryset that will ask for the scope when it is compiled."""
        return SystemQuerySet(self.model, using=self._db)


def organization_fill(row: models.Model) -> None:
    """Give a new row the scope's organization; refuse a row of another one."""
    organization = _open_scope(type(row)).organization
    if organization is None:
        if getattr(row, "organization_id", None) is None:
            raise ScopeError(f"{type(row).__name__} needs organization_id in a system scope.")
        return
    if getattr(row, "organization_id", None) is None:
        row.organization_id = organization.id  # type: ignore[attr-defined] # TenantModel has it
    elif row.organization_id != organization.id:  # type: ignore[attr-defined] # TenantModel has it
        raise ScopeError(f"{type(row).__name__} of another organization.")
