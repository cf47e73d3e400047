"""The shell, the mail box, the probes, and addresses nobody has."""

import json
import re
from pathlib import Path

import pytest
from django.core.mail import send_mail
from django.test import Client
from pytest_django import Settings

from tests.unit.factories import error_of

MANIFEST = {
    "src/main.tsx": {"file": "assets/main-C1it6J-K.js", "css": ["assets/main-aaaaaaaa.css"]}
}


@pytest.fixture(autouse=True)
def built_page(settings: Settings, tmp_path: Path) -> Path:
    """A built front end beside the code, a home of the test's own."""
    dist = tmp_path / "frontend" / "dist"
    dist.mkdir(parents=True)
    (dist / "manifest.json").write_text(json.dumps(MANIFEST))
    settings.ANNEAL_ROOT = tmp_path
    settings.ANNEAL_HOME = tmp_path
    settings.EMAIL_BACKEND = "tenants.accounts.mailbox.MailboxBackend"
    return dist


pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/pricing",
        "/login",
        "/signup",
        "/verify-email",
        "/password/reset",
        "/o",
        "/o/acme-1a2b3c",
        "/o/acme/training/ftjob-1",
        "/invite/abc_DEF-1",
    ],
)
def test_the_applications_addresses_answer_with_the_shell(path: str) -> None:
    answer = Client().get(path)

    assert answer.status_code == 200
    text = answer.content.decode()
    assert '<script type="module" src="/static/app/assets/main-C1it6J-K.js">' in text
    assert '<link rel="stylesheet" href="/static/app/assets/main-aaaaaaaa.css">' in text
    assert "csrftoken" in answer.cookies


def test_an_unknown_page_is_the_shell_with_404() -> None:
    answer = Client().get("/nothing/here")

    assert answer.status_code == 404
    assert 'id="root"' in answer.content.decode()


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/", "/hf/x", "/api/nothing", "/_allauth/x"])
def test_an_unknown_api_address_is_a_json_404(path: str) -> None:
    answer = Client().get(path)

    assert (answer.status_code, error_of(answer)["code"]) == (404, "not_found")


def test_a_post_to_a_page_is_refused_as_json() -> None:
    answer = Client().post("/login", {})

    assert (answer.status_code, error_of(answer)["code"]) == (405, "method_not_allowed")


def test_the_shells_nonce_is_the_policys() -> None:
    first, second = Client().get("/"), Client().get("/")

    nonces = [
        re.search(r'property="csp-nonce" nonce="([^"]+)"', answer.content.decode())
        for answer in (first, second)
    ]
    assert nonces[0]
    assert nonces[1]
    assert f"'nonce-{nonces[0][1]}'" in first.headers["Content-Security-Policy"]
    assert nonces[0][1] != nonces[1][1]


def test_the_shell_speaks_the_readers_language_and_tells_the_page(settings: Settings) -> None:
    settings.ANNEAL_UP = True
    client = Client()
    client.cookies["anneal_language"] = "zh-Hans"

    text = client.get("/").content.decode()

    assert '<html lang="zh-Hans">' in text
    boot = re.search(r'<script id="anneal-boot" type="application/json">(.*?)</script>', text)
    assert boot
    told = json.loads(boot[1])
    assert told["language"] == "zh-Hans"
    assert told["mailbox"] is True
    assert told["demoBilling"] is True
    assert '<html lang="en">' in Client().get("/").content.decode()


def test_a_page_that_is_not_built_says_how_to_build_it(built_page: Path) -> None:
    (built_page / "manifest.json").unlink()

    answer = Client().get("/")

    assert answer.status_code == 503
    assert "manage.py up" in answer.content.decode()


def test_the_mail_box_is_nowhere_without_up(settings: Settings) -> None:
    settings.ANNEAL_UP = False

    answer = Client().get("/dev/mail")

    assert (answer.status_code, error_of(answer)["code"]) == (404, "not_found")


def test_the_mail_box_shows_mails_newest_first(settings: Settings) -> None:
    settings.ANNEAL_UP = True
    for number in (1, 2):
        send_mail(f"Mail {number}", "<b>text</b>", None, [f"u{number}@example.com"])

    listed = Client().get("/dev/mail?format=json").json()["data"]
    narrowed = Client().get("/dev/mail?format=json&to=U1@example.com").json()["data"]
    html = Client().get("/dev/mail").content.decode()

    assert [mail["subject"] for mail in listed] == ["Mail 2", "Mail 1"]
    assert [mail["subject"] for mail in narrowed] == ["Mail 1"]
    assert "&lt;b&gt;text&lt;/b&gt;" in html


def test_readyz_tells_what_it_checked() -> None:
    answer = Client().get("/readyz")

    assert answer.json() == {
        "status": "ready",
        "checks": {"database": "ok", "storage": "ok", "redis": "ok"},
    }


def test_metrics_are_for_this_machine_or_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANNEAL_METRICS_TOKEN", "s3cret")

    near = Client(REMOTE_ADDR="127.0.0.1").get("/metrics")
    far = Client(REMOTE_ADDR="203.0.113.5")
    proxied = Client(REMOTE_ADDR="127.0.0.1").get(
        "/metrics", headers={"x-forwarded-for": "203.0.113.5"}
    )

    assert "anneal_organizations" in near.content.decode()
    assert far.get("/metrics").status_code == 404
    assert proxied.status_code == 404
    assert far.get("/metrics", headers={"authorization": "Bearer s3cret"}).status_code == 200
    assert far.get("/metrics", headers={"authorization": "Bearer wrong"}).status_code == 404


def test_sign_in_is_closed_and_says_503_while_redis_is_away(settings: Settings) -> None:
    caches = dict(settings.CACHES["default"]) | {"LOCATION": "unix:///nowhere/redis.sock"}
    settings.CACHES = {"default": caches}

    answer = Client().post(
        "/_allauth/browser/v1/auth/login",
        json.dumps({"email": "a@example.com", "password": "anything-12"}),
        content_type="application/json",
    )

    assert (answer.status_code, error_of(answer)["code"]) == (503, "unavailable")
    assert answer.headers["Retry-After"] == "2"


def test_the_api_describes_itself() -> None:
    first, again = (Client().get("/v1/openapi.json") for _ in range(2))
    described = first.json()
    reader = Client().get("/api/docs")
    script = Client().get("/api/docs?script=")

    assert described["openapi"].startswith("3.1")
    assert (again.content, again.headers["Content-Type"]) == (
        first.content,
        "application/vnd.oai.openapi+json",
    )
    assert {"/v1/me", "/v1/api_keys", "/v1/audit", "/v1/home"} <= set(described["paths"])
    assert "unsafe" not in reader.headers["Content-Security-Policy"]
    assert "/v1/openapi.json" in script.content.decode()
