"""Workers that claim at the same moment, on connections of their own over committed rows."""

from collections import Counter
from collections.abc import Iterator

import psycopg
import pytest

from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from tenants.webhooks.contracts import Fact
from tenants.webhooks.models import Webhook
from tenants.webhooks.services.attempts import PER_ORGANIZATION, PER_WEBHOOK, attempts_claim
from tenants.webhooks.services.emit import fact_emit
from tenants.webhooks.services.webhooks import webhook_create, webhook_delete
from tests.unit.billing.threads import at_once
from tests.unit.conftest import DatabaseClone
from tests.unit.kernel.committed import committed_organizations

pytestmark = pytest.mark.django_db


@pytest.fixture
def owners(database_clone: DatabaseClone) -> Iterator[list[OrganizationRef]]:
    with committed_organizations(database_clone, 3) as made:
        at_once(len(made), lambda number: _fill(made[number]))
        try:
            yield made
        finally:
            with psycopg.connect(database_clone.app_url) as link:
                link.execute("SET ROLE anneal_system")
                for table in ("delivery", "webhookevent", "webhook"):
                    link.execute(
                        f"DELETE FROM webhooks_{table} WHERE organization_id = ANY(%s)",
                        [[one.id for one in made]],
                    )
                link.execute("DELETE FROM kernel_outboxmessage WHERE task = 'webhooks.deliver'")


def _fill(owner: OrganizationRef) -> None:
    with tenant_scope(owner):
        for number in range(2):
            Webhook(url=f"https://example.com/{number}", secret="").save(force_insert=True)
        for _ in range(6):
            fact_emit(Fact(owner, "dataset.ready", {"id": "ds_1"}))


def test_a_webhook_deleted_in_the_middle_of_a_fact_fails_neither(
    owners: list[OrganizationRef],
) -> None:
    owner = owners[0]

    def facts() -> None:
        for _ in range(25):
            with tenant_scope(owner):
                fact_emit(Fact(owner, "dataset.ready", {"id": "ds_1"}))

    def comings_and_goings() -> None:
        for _ in range(25):
            with tenant_scope(owner):
                made = webhook_create(
                    organization=owner, actor=SYSTEM_ACTOR, url="https://example.com/x"
                )
            with tenant_scope(owner):
                webhook_delete(organization=owner, actor=SYSTEM_ACTOR, webhook_id=made.webhook.id)

    def run(number: int) -> int:
        (facts, comings_and_goings)[number % 2]()
        return number

    assert at_once(4, run) == [0, 1, 2, 3]


def test_ten_workers_claim_each_delivery_once_and_keep_the_bounds(
    owners: list[OrganizationRef],
) -> None:
    claimed = [one for batch in at_once(10, lambda _: attempts_claim(32)) for one in batch]

    assert len(claimed) == len({one.delivery_id for one in claimed})
    assert {one.number for one in claimed} == {1}
    assert max(Counter(one.webhook_id for one in claimed).values()) <= PER_WEBHOOK
    assert max(Counter(one.organization_id for one in claimed).values()) <= PER_ORGANIZATION
    # What one worker passed over while another counted, the next look takes.
    claimed += at_once(1, lambda _: attempts_claim(32))[0]
    assert len(claimed) == len(owners) * 2 * PER_WEBHOOK
