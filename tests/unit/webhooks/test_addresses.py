"""Which urls may be saved, and which addresses may be connected to."""

import ipaddress

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from anneal.settings.environment import networks_read
from tenants.webhooks.addresses import address_allowed, url_read
from tenants.webhooks.errors import WebhookUrlInvalid


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255",
        "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.2.1",
        "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe", "2001:db8::1", "100::1",
    ],
)  # fmt: skip
def test_no_connection_goes_to_an_address_that_is_not_public(address: str) -> None:
    assert not address_allowed(address)


@pytest.mark.parametrize(
    "address",
    ["93.184.216.34", "1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"],
)
def test_public_addresses_are_connected_to(address: str) -> None:
    assert address_allowed(address)


def test_the_operator_opens_a_network_and_no_other(settings: Settings) -> None:
    settings.ANNEAL_WEBHOOK_NETWORKS = networks_read(" 10.2.0.0/16, fd00:1::/32")

    assert address_allowed("10.2.3.4")
    assert address_allowed("::ffff:10.2.3.4")
    assert address_allowed("fd00:1::5")
    assert not address_allowed("10.3.0.1")
    assert not address_allowed("169.254.169.254")


def test_a_wrong_network_setting_is_refused_at_the_start() -> None:
    assert networks_read("") == []
    assert networks_read("10.0.0.0/8") == [ipaddress.ip_network("10.0.0.0/8")]
    with pytest.raises(ImproperlyConfigured, match="ANNEAL_WEBHOOK_NETWORKS"):
        networks_read("10.0.0.1/8")


@pytest.mark.parametrize(
    "url",
    [
        "", "x", "http://example.com/", "ftp://example.com/", "file:///etc/passwd", "//example.com",
        "https://", "https:///path", "https://user@example.com/", "https://u:p@example.com/",
        "https://:@example.com/", "https://example.com/#x", "https://example.com/#",
        "https://example.com:0/", "https://example.com:99999/", "https://example.com:x/",
        "https://exa mple.com/", "https://example.com/a b", "https://example.com/\r\nX: y",
        "https://example.com/\x00", "https://例子.com/", "https://example.com/é",
        "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/",
        "https://0177.0.0.1/", "https://0/", "https://999.1.1.1/", "https://[::1]/",
        "https://[::ffff:127.0.0.1]/", "https://[fe80::1%25eth0]/", "https://[::1/",
        "https://169.254.169.254/latest", "https://10.0.0.1./", "https://localhost/",
        "https://LOCALHOST./", "https://a.localhost/", "https://-x.example/", "https://a_b-/",
        "https://exam\tple.com/", "https://example.com\\@10.0.0.1/",
    ],
)  # fmt: skip
def test_a_url_that_must_not_be_saved_names_its_field(url: str) -> None:
    with pytest.raises(WebhookUrlInvalid) as refusal:
        url_read(url)
    assert refusal.value.param == "url"


def test_a_url_is_taken_apart() -> None:
    target = url_read("https://Hooks.Example.com:8443/a/b?c=%20d")

    assert (target.secure, target.host, target.port) == (True, "hooks.example.com", 8443)
    assert (target.path, target.host_header) == ("/a/b?c=%20d", "hooks.example.com:8443")
    assert url_read("https://example.com").path == "/"
    assert url_read("https://example.com:443/").host_header == "example.com"
    assert url_read("https://[2606:4700::1111]/").host_header == "[2606:4700::1111]"


def test_plain_http_needs_the_operators_setting(local_allowed: None) -> None:
    assert url_read("http://127.0.0.1:9/x").port == 9
    assert url_read("http://localhost/x").host == "localhost"
    with pytest.raises(WebhookUrlInvalid):
        url_read("http://10.0.0.1/")
