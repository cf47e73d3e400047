"""The signature, checked by others' code and by the standard's own example."""

import base64
import time
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import InvalidWebhookSignatureError
from pytest_django import Settings

from anneal.kernel.sealing import SealBroken, seal, unseal
from tenants.webhooks.signing import secret_make, secret_open, secret_seal, signed_headers

BODY = (
    b'{"id":"evt_1","object":"event","type":"fine_tuning.job.succeeded",'
    b'"created_at":1,"data":{"id":"ftjob-1"}}'
)


def test_the_standards_example_has_the_standards_signature() -> None:
    # standard-webhooks/spec, "Example" of the signature scheme.
    headers = signed_headers(
        event_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
        texts=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_openais_client_accepts_what_we_sign_with_the_new_and_the_old_secret() -> None:
    old, new, stranger = secret_make(), secret_make(), secret_make()
    headers = signed_headers(
        event_id="evt_1", timestamp=int(time.time()), body=BODY, texts=[new, old]
    )
    client = openai.OpenAI(api_key="unused")

    for secret in (new, old):
        event = client.webhooks.unwrap(BODY, headers, secret=secret)
        assert (event.type, event.data.id) == ("fine_tuning.job.succeeded", "ftjob-1")
    with pytest.raises(InvalidWebhookSignatureError):
        client.webhooks.verify_signature(BODY, headers, secret=stranger)
    with pytest.raises(InvalidWebhookSignatureError):
        client.webhooks.verify_signature(BODY + b" ", headers, secret=new)


def test_a_secret_has_the_standards_length_and_is_never_the_same() -> None:
    first, second = secret_make(), secret_make()

    assert first != second
    assert len(base64.b64decode(first.removeprefix("whsec_"))) == 32


def test_what_is_stored_does_not_show_the_secret_and_opens_again() -> None:
    secret = secret_make()

    sealed = secret_seal(secret)

    assert secret.removeprefix("whsec_") not in sealed
    assert secret_open(sealed) == secret
    assert secret_seal(secret) != sealed


def test_a_seal_opens_for_its_purpose_and_with_its_key_alone(settings: Settings) -> None:
    sealed = seal("one", b"x")
    with pytest.raises(SealBroken):
        unseal("two", sealed)
    with pytest.raises(SealBroken):
        unseal("one", sealed[:-4] + "AAAA")

    old = settings.SECRET_KEY
    settings.SECRET_KEY = "another"
    with pytest.raises(SealBroken):
        unseal("one", sealed)
    settings.SECRET_KEY_FALLBACKS = [old]
    assert unseal("one", sealed) == b"x"


def manuals_python() -> str:
    text = (Path(__file__).resolve().parents[3] / "docs" / "webhooks.md").read_text("utf-8")
    return text.split("```python\n")[1].split("```")[0]


def test_the_manuals_code_accepts_what_we_sign_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old, new = secret_make(), secret_make()
    monkeypatch.setenv("ANNEAL_WEBHOOK_SECRET", old)
    names: dict[str, Any] = {}
    exec(compile(manuals_python(), "webhooks.md", "exec"), names)
    now = int(time.time())

    def headers(timestamp: int, *texts: str) -> dict[str, str]:
        return signed_headers(event_id="evt_1", timestamp=timestamp, body=BODY, texts=texts)

    assert names["verified"](BODY, headers(now, new, old))["data"] == {"id": "ftjob-1"}
    for body, wrong in (
        (BODY, headers(now, new)),
        (BODY + b" ", headers(now, old)),
        (BODY, headers(now - 301, old)),
        (BODY, headers(now, old) | {"webhook-id": "evt_2"}),
    ):
        with pytest.raises(ValueError, match=r"not signed|too old"):
            names["verified"](body, wrong)
