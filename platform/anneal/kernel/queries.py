"""The first layer of isolation: a manager that raises without a scope and filters within one.

The check sits in the SQL compiler, where every read ends, and in the few queryset methods that
leave it (update, delete, raw). Row level security in Postgres is the second, independent layer.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Self, TypeVar, cast

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


def _condition(model: type[models.Model]) -> models.Q | None:
    """Return what narrows the model to the open scope's organization; None in a system scope.

    Raises ScopeError without a scope, and for a table closed to tenants in a tenant's.
    """
    organization = _open_scope(model).organization
    if organization is None:
        return None
    column: str | None = getattr(model, "tenant_column", None)
    if column is None:
        raise ScopeError(f"{model.__name__} is read in system_scope only.")
    return models.Q(**{column: organization.id})


class ScopedQuery(Query):
    """A query that compiles inside a scope only, and to the scope's own rows."""

    def get_compiler(
        self, using: str | None = None, connection: Any = None, elide_empty: bool = True
    ) -> SQLCompiler:
        """Compile a copy narrowed to the open scope's organization."""
        condition = _condition(cast("type[models.Model]", self.model))
        # The parts of a union are queries of their own, narrowed each.
        if condition is None or self.combinator:
            return cast("SQLCompiler", super().get_compiler(using, connection, elide_empty))
        narrowed = self.clone()
        narrowed.add_q(condition)
        # Past this method, which would narrow for ever.
        return cast("SQLCompiler", Query.get_compiler(narrowed, using, connection, elide_empty))


class ScopedQuerySet(models.QuerySet[ModelType]):
    """Rows of the open scope. Writes are narrowed here, since their queries change class."""

    def __init__(
        self,
        model: type[models.Model] | None = None,
        query: Query | None = None,
        using: str | None = None,
        hints: dict[str, models.Model] | None = None,
    ) -> None:
        if query is None and model is not None:
            query = ScopedQuery(model)
        super().__init__(cast("Any", model), query, using, hints)

    def _narrowed(self) -> Self:
        condition = _condition(self.model)
        if condition is None:
            return self
        narrowed = self._chain()  # type: ignore[attr-defined] # Django's own cloning method
        narrowed.query.add_q(condition)
        return cast("Self", narrowed)

    def update(self, **kwargs: Any) -> int:
        """Update the scope's rows."""
        return super(ScopedQuerySet, self._narrowed()).update(**kwargs)

    update.alters_data = True  # type: ignore[attr-defined] # templates must not call it

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete the scope's rows."""
        return super(ScopedQuerySet, self._narrowed()).delete()

    delete.alters_data = True  # type: ignore[attr-defined] # templates must not call it

    def _raw_delete(self, using: str | None) -> int:
        narrowed = cast("Any", super(ScopedQuerySet, self._narrowed()))
        return cast("int", narrowed._raw_delete(using))

    def raw(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: raw SQL cannot be narrowed. Use a cursor inside the scope, where RLS holds."""
        raise ScopeError("raw() bypasses the tenant filter: use the ORM or a cursor.")


class TenantQuerySet(ScopedQuerySet[ModelType]):
    """Rows of a tenant table: new ones take the scope's organization."""

    def bulk_create(self, objs: Iterable[ModelType], *args: Any, **kwargs: Any) -> list[ModelType]:
        """Insert rows, each given the scope's organization or refused."""
        rows: Sequence[ModelType] = list(objs)
        for row in rows:
            organization_fill(row)
        return super().bulk_create(rows, *args, **kwargs)


class TenantManager(models.Manager[ModelType]):
    """The manager of tenant tables."""

    def get_queryset(self) -> TenantQuerySet[ModelType]:
        """Return a queryset that will ask for the scope when it is compiled."""
        return TenantQuerySet(self.model, using=self._db)


class SystemManager(models.Manager[ModelType]):
    """The manager of system tables."""

    def get_queryset(self) -> ScopedQuerySet[ModelType]:
        """Return a queryset that will ask for the scope when it is compiled."""
        return ScopedQuerySet(self.model, using=self._db)


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
