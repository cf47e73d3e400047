"""The dashboard and the alerts ask for what `/metrics` prints, and for nothing else."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from anneal.console.figures import figures_read
from anneal.kernel.metrics import Counter, Gauge, Histogram, instruments
from anneal.kernel.metrics.families import Kind
from mlworker.serving.errors import EngineUnavailable

DOCKER = Path(__file__).resolve().parents[3] / "docker"
OBSERVABILITY = DOCKER / "observability"
_NAME = re.compile(r"\banneal_\w+")
_SELECTOR = re.compile(r"(\banneal_\w+)\{([^}]*)\}")
_BY = re.compile(r"\b(?:by|on) \(([^)]*)\)")


def _dashboard() -> dict[str, Any]:
    path = OBSERVABILITY / "grafana/dashboards/anneal.json"
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def _panels() -> list[dict[str, Any]]:
    return [panel for panel in _dashboard()["panels"] if panel["type"] != "row"]


def _alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((OBSERVABILITY / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def _queries() -> list[str]:
    asked = [target["expr"] for panel in _panels() for target in panel["targets"]]
    return [*asked, *(rule["expr"] for rule in _alerts())]


@pytest.fixture
def told(db: None) -> dict[str, set[str]]:
    """The names of all lines that can be told, each with its labels."""
    found: dict[str, set[str]] = {}
    for each in instruments():
        labels = set(each.labels)
        if isinstance(each, Histogram):
            found[f"{each.name}_bucket"] = labels | {"le"}
            found[f"{each.name}_sum"] = found[f"{each.name}_count"] = labels
        else:
            assert isinstance(each, Counter | Gauge)
            found[each.name] = labels
    for family in figures_read():
        if family.kind is Kind.GAUGE:
            seen = {label for sample in family.samples for label, _ in sample.labels}
            found.setdefault(family.name, seen or {"base"})  # without engines there is no sample
    return found


def test_every_query_asks_for_what_is_told(told: dict[str, set[str]]) -> None:
    unknown = {name for query in _queries() for name in _NAME.findall(query)} - set(told)

    assert unknown == set()


def test_every_label_that_is_asked_for_exists(told: dict[str, set[str]]) -> None:
    for query in _queries():
        labels = set().union(*(told[name] for name in _NAME.findall(query)))
        for group in _BY.findall(query):
            assert {name.strip() for name in group.split(",")} <= labels, query
        for name, selector in _SELECTOR.findall(query):
            asked = {part.split("=")[0].strip("!~ ") for part in selector.split(",")}
            assert asked <= told[name], query


def test_every_legend_names_a_label_that_the_query_keeps(told: dict[str, set[str]]) -> None:
    for panel in _panels():
        for target in panel["targets"]:
            kept: set[str] = set()
            for group in _BY.findall(target["expr"]):
                kept |= {name.strip() for name in group.split(",")}
            if not _BY.search(target["expr"]) and "(" not in target["expr"]:
                kept = told[_NAME.findall(target["expr"])[0]]
            named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert named <= kept, target


def test_what_is_counted_is_shown(told: dict[str, set[str]]) -> None:
    """Each family stands in a panel: what nobody looks at is not worth its cost."""
    shown = {name for query in _queries() for name in _NAME.findall(query)}
    bare = {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown}
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in told}

    assert {name for name in families - bare if name.startswith("anneal_")} == set()


def test_calls_without_an_engine_raise_an_alarm() -> None:
    """They are refused at the door: what counts queues never hears of them."""
    [rule] = [rule for rule in _alerts() if rule["alert"] == "AnnealNoEngine"]

    assert f'anneal_refusals_total{{code="{EngineUnavailable.code}"}}' in rule["expr"]
    assert "and" not in rule["expr"]


def test_panels_do_not_lie_on_each_other() -> None:
    cells: set[tuple[int, int]] = set()
    for panel in _dashboard()["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not own & cells, panel["title"]
        cells |= own
    ids = [panel["id"] for panel in _dashboard()["panels"]]
    assert len(ids) == len(set(ids))


def test_prometheus_asks_the_web_service_with_the_token() -> None:
    compose = yaml.safe_load((DOCKER / "compose.yml").read_text())
    [scrape] = yaml.safe_load((OBSERVABILITY / "prometheus.yml").read_text())["scrape_configs"]
    service = compose["services"]["prometheus"]

    assert scrape["static_configs"] == [{"targets": ["web:8000"]}]
    assert scrape["authorization"]["credentials_file"] == "/run/secrets/metrics_token"
    assert service["secrets"] == ["metrics_token"]
    assert compose["secrets"]["metrics_token"] == {"environment": "ANNEAL_METRICS_TOKEN"}
    assert "ANNEAL_METRICS_TOKEN" in compose["services"]["web"]["environment"]
    assert "ports" not in service


def test_what_the_services_mount_is_there() -> None:
    services = yaml.safe_load((DOCKER / "compose.yml").read_text())["services"]
    for name in ("prometheus", "grafana"):
        assert services[name]["profiles"] == ["observability"]
        for mount in services[name]["volumes"]:
            source = mount.split(":")[0]
            assert not source.startswith(".") or (DOCKER / source).exists(), mount
    [port] = services["grafana"]["ports"]
    assert port.startswith("127.0.0.1:")
    home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home.endswith("/anneal.json")
