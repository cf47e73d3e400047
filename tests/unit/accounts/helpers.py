"""Browsers for tests: a session client that enforces CSRF, and the sign-up flow."""

import json
import re
from typing import Any

from django.test import Client

from tenants.accounts.contracts import UserInfo
from tenants.accounts.mailbox import mails_read
from tenants.accounts.models import User

ALLAUTH = "/_allauth/browser/v1"
PASSWORD = "a-long-pass-7319"


class Browser:
    """A signed-in or anonymous browser: cookies kept, CSRF token sent with each unsafe call."""

    def __init__(self, *, language: str = "en") -> None:
        self.client = Client(enforce_csrf_checks=True, headers={"accept-language": language})
        self.client.get(f"{ALLAUTH}/config")
        self.client.cookies["csrftoken"] = "a" * 32

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        sent = {"x-csrftoken": self.client.cookies["csrftoken"].value} | headers
        return self.client.generic(
            method,
            path,
            json.dumps(body) if body is not None else "",
            content_type="application/json",
            headers=sent,
        )

    def get(self, path: str, **headers: str) -> Any:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.call("POST", path, body, **headers)


def browser_for(user: UserInfo) -> Browser:
    browser = Browser()
    browser.client.force_login(
        User.objects.get(id=user.id), backend="allauth.account.auth_backends.AuthenticationBackend"
    )
    browser.client.cookies["csrftoken"] = "a" * 32
    return browser


def sign_up(browser: Browser, email: str, **fields: str) -> Any:
    body = {"email": email, "password": PASSWORD} | fields
    return browser.post(f"{ALLAUTH}/auth/signup", body)


def code_mailed_to(email: str) -> str:
    text = mails_read(to=email)[0].text
    found = re.search(r"^\s*([A-Z0-9]{3,}-?[A-Z0-9]{3,})\s*$", text, re.MULTILINE)
    assert found, text
    return found.group(1)
