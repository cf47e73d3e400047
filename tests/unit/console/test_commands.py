"""`org_create` and `seed`."""

import json
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from anneal.console.management.commands.seed import DEMO_EMAIL, demo_password
from anneal.kernel.ids import parse_id
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger.selectors import balances
from billing.outcomes.selectors import policies_offered
from billing.outcomes.services import outcome_policy_offer
from tenants.accounts.models import Organization, User
from tests.unit.accounts.helpers import ALLAUTH, Browser

pytestmark = pytest.mark.django_db


def org_create(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, str]:
    call_command("org_create", "--email", "Ada@example.com", "--name", "Acme", "--json", *options)
    made: dict[str, str] = json.loads(capsys.readouterr().out)
    return made


def available(made: dict[str, str]) -> dict[str, Decimal]:
    organization = OrganizationRef(id=parse_id("org_", made["organization"]), slug=made["slug"])
    with tenant_scope(organization):
        return {one.unit: one.available for one in balances(organization=organization)}


def test_org_create_prints_what_works(capsys: pytest.CaptureFixture[str]) -> None:
    made = org_create(capsys)

    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {made['api_key']}")
    assert client.get("/v1/organization").json()["id"] == made["organization"]
    assert available(made)["prediction"] == Decimal(1000)
    signed_in = Browser().post(
        f"{ALLAUTH}/auth/login", {"email": made["email"], "password": made["password"]}
    )
    assert signed_in.status_code == 200


def test_credit_replaces_the_trials_predictions(capsys: pytest.CaptureFixture[str]) -> None:
    made = org_create(capsys, "--credit", "25")

    assert available(made)["prediction"] == Decimal(25)
    assert available(made)["trained_token"] == Decimal(10_000_000)


def test_a_known_address_and_a_wrong_credit_are_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    org_create(capsys)

    with pytest.raises(CommandError, match="has an account"):
        org_create(capsys)
    for credit in ("-1", "0", "NaN", "1e30", "0.5", "many"):
        with pytest.raises(CommandError, match="--credit"):
            call_command("org_create", "--email", "b@example.com", "--credit", credit)
    with pytest.raises(CommandError, match="at most 10\\^15"):
        call_command("org_create", "--email", "b@example.com", "--credit", "1" + "0" * 30)
    with pytest.raises(CommandError, match="no e-mail address"):
        call_command("org_create", "--email", "nobody")
    assert not User.objects.exclude(email="ada@example.com").exists()


def test_seed_makes_the_demo_once(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("seed")
    call_command("seed")

    assert demo_password() in capsys.readouterr().out
    with system_scope("test"):
        assert Organization.objects.filter(kind="demo").count() == 1
    browser = Browser()
    browser.post(f"{ALLAUTH}/auth/login", {"email": DEMO_EMAIL, "password": demo_password()})
    assert len(browser.get("/v1/datasets").json()["data"]) == 1


def test_seed_offers_outcomes_once_and_leaves_withdrawn_ones_withdrawn() -> None:
    call_command("seed")
    with system_scope("test"):
        offered = {one.code: one.terms.price for one in policies_offered()}
        for code in offered:
            outcome_policy_offer(actor=SYSTEM_ACTOR, code=code, public=False)
    call_command("seed")

    assert offered == {"success-fee": Decimal(20), "confirmed-predictions": Decimal("0.0005")}
    with system_scope("test"):
        assert list(policies_offered()) == []
