"""The image file and the compose file, read as text: what an engine would only say when it runs."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from anneal.local import supervisor
from anneal.web import GRACE_SECONDS
from mlworker.serving.gateway.asking import ENGINE_WAIT_SECONDS
from mlworker.serving.gateway.runtime import CLOSE_SECONDS
from mlworker.serving.gateway.tickets import DEADLINE_SECONDS

DOCKER = Path(__file__).resolve().parents[3] / "docker"
RUN_ONCE = {"migrate"}
NO_PING = {"scheduler"}


def _stages() -> dict[str, list[str]]:
    """Stage name -> its instructions, those of the stage it stands on included."""
    text = (DOCKER / "Dockerfile").read_text().replace("\\\n", " ")
    stages: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in (each.strip() for each in text.splitlines()):
        if line.startswith("FROM "):
            _, base, _, name = line.split()
            lines = stages[name] = [*stages.get(base, []), line]
        elif line and not line.startswith("#"):
            lines.append(line)
    return stages


def _compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yml").read_text())
    return content


@pytest.mark.parametrize("target", ["web", "worker"])
def test_an_image_runs_as_nobody_special_and_says_whether_it_is_well(target: str) -> None:
    stage = _stages()[target]
    users = [line.split()[1] for line in stage if line.startswith("USER")]

    assert users == ["anneal"]
    assert any(line.startswith("HEALTHCHECK") for line in stage)
    assert any("useradd --uid 10001" in line for line in stage)


def test_the_web_image_has_no_torch() -> None:
    stages = _stages()
    sources = [line.split("--from=")[1].split()[0] for line in stages["web"] if "--from=" in line]

    assert sources == ["packages-web", "page"]
    assert not any("torch.txt" in line for line in stages["packages-web"])
    assert any("uninstall --yes transformers peft" in line for line in stages["packages-web"])
    assert any("torch.txt" in line for line in stages["packages-worker"])


def test_a_web_process_may_let_the_longest_call_end_before_it_is_killed() -> None:
    (command,) = [
        line for line in _stages()["web"] if line.startswith("CMD") and "anneal.web" in line
    ]
    grace = int(command.split('"--grace", "')[1].split('"')[0])
    killed = _compose()["services"]["web"]["stop_grace_period"]

    assert grace > ENGINE_WAIT_SECONDS + DEADLINE_SECONDS
    assert int(killed.removesuffix("s")) > grace + CLOSE_SECONDS
    assert GRACE_SECONDS < supervisor.GRACE_SECONDS


def test_base_images_name_a_version() -> None:
    text = (DOCKER / "Dockerfile").read_text()
    stages = set(_stages())
    bases = {line.split()[1] for line in text.splitlines() if line.startswith("FROM ")} - stages
    images = {service["image"] for service in _compose()["services"].values()}

    tagged = {image for image in bases | images if ":" in image and not image.endswith(":latest")}
    assert bases | images == tagged | {"anneal-web", "anneal-worker"}


def test_only_the_migration_knows_the_owner() -> None:
    services = _compose()["services"]
    knowing = {
        name
        for name, each in services.items()
        if "DATABASE_OWNER_URL" in each.get("environment", {})
    }

    assert knowing == {"migrate"}


def test_every_lasting_service_has_a_health_check() -> None:
    services = _compose()["services"]
    ours = {name for name, each in services.items() if each["image"].startswith("anneal-")}
    stated = {name for name, each in services.items() if "healthcheck" in each}

    assert stated == (set(services) - ours) | NO_PING
    for name in ours - NO_PING - RUN_ONCE:
        assert services[name]["image"].removeprefix("anneal-") in _stages()


def test_our_services_can_do_little() -> None:
    services = _compose()["services"]
    for name in set(services) - {"postgres"}:
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
        assert services[name]["security_opt"] == ["no-new-privileges:true"]


def test_the_roles_come_from_the_one_file() -> None:
    mounts = _compose()["services"]["postgres"]["volumes"]
    script = (DOCKER / "postgres-init.sh").read_text()

    assert "../platform/anneal/kernel/roles.sql:/anneal/roles.sql:ro" in mounts
    assert "-f /anneal/roles.sql" in script
    assert (DOCKER / "../platform/anneal/kernel/roles.sql").resolve().exists()


def test_every_password_must_be_given() -> None:
    text = (DOCKER / "compose.yml").read_text()
    example = (DOCKER / "env.example").read_text()
    asked = {part.split(":?")[0] for part in text.split("${")[1:] if ":?" in part.split("}")[0]}

    assert len(asked) == 5
    assert [name for name in asked if f"\n{name}=\n" not in example] == []
