"""What the services of batches share: who asks, for which file, in which form."""

from uuid import UUID

from anneal.kernel.errors import NotFound
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef
from mlworker.batches.contracts import BatchRequest
from mlworker.batches.states import Form
from tenants.datasets.contracts import FileInfo
from tenants.datasets.sealing import sealed_file_check
from tenants.datasets.selectors import file_get
from tenants.keys.selectors import key_maker_id


def input_file(organization: OrganizationRef, request: BatchRequest) -> FileInfo:
    """Return the input file; NotFound that names the field, RowsSealed."""
    file_id, param = request.input_file_id, "input_file_id"
    try:
        found = file_get(organization=organization, file_id=file_id)
    except NotFound as error:
        error.param = param
        raise
    sealed_file_check(organization=organization, file_id=file_id, param=param)
    return found


def form_of(request: BatchRequest) -> Form:
    """Return what the file is said to hold."""
    return Form.ROWS if request.model else Form.REQUESTS


def member_of(organization: OrganizationRef, actor: Actor) -> UUID | None:
    """Return the person behind the actor: for a key, who made it."""
    if actor.kind == "api_key" and actor.id is not None:
        return key_maker_id(organization=organization, key_id=actor.id)
    return actor.id if actor.kind == "user" else None
