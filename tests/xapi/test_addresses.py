from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from xenpatch.errors import InputError
from xenpatch.xapi.session import Endpoint
from xenpatch.xapi.transport import check_url, on_host


@pytest.mark.parametrize(
    ("given", "full"),
    [
        ("xs1.example", "https://xs1.example:443"),
        ("xs1.example:8443", "https://xs1.example:8443"),
        ("https://xs1.example/", "https://xs1.example:443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("https://[::1]:8443", "https://[::1]:8443"),
    ],
)
def test_an_address_is_completed(given: str, full: str) -> None:
    assert check_url(given) == full


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("http://xs1.example", "would send the root password unprotected"),
        ("ftp://xs1.example", "is not of the form https://HOST"),
        ("https://", "is not of the form https://HOST"),
        ("https://xs1.example/path", "is not of the form https://HOST"),
        ("https://root:secret@xs1.example", "must hold no user, password or query"),
        ("https://xs1.example:port", "cannot be used: Port"),
        ("https://[xs1", "cannot be used: Invalid IPv6"),
        ("", "is not of the form https://HOST"),
    ],
)
def test_an_unusable_address_is_bad_input(given: str, complaint: str) -> None:
    with pytest.raises(InputError) as refused:
        check_url(given)

    assert complaint in str(refused.value)
    assert "secret" not in str(refused.value)


def test_another_member_listens_on_the_same_port() -> None:
    assert on_host("https://10.0.0.1:8443", "10.0.0.2") == "https://10.0.0.2:8443"


def test_an_endpoint_never_shows_its_password() -> None:
    endpoint = Endpoint(("https://xs1.example",), password=SecretStr("hunter2"))

    assert "hunter2" not in repr(endpoint)
    assert urlsplit(endpoint.urls[0]).port == 443
