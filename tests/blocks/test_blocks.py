"""What the blocks hand to the library."""

import io
from collections.abc import Iterator
from typing import Any

import paramiko
import pytest
from pydantic import SecretStr, ValidationError

from blocks import Dom0SSH, XenServerPool, held
from simulator.tls import make_certificates
from xenpatch.errors import InputError
from xenpatch.xapi.tls import Trust


@pytest.fixture
def forget_what_was_given() -> Iterator[None]:
    yield
    held.remember(None)
    held.remember_key(None)


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_certificates(tmp_path_factory.mktemp("keys"), ["127.0.0.1"]).bundle.read_text()


def private_key_text() -> str:
    text = io.StringIO()
    paramiko.RSAKey.generate(2048).write_private_key(text)
    return text.getvalue()


def test_the_endpoint_has_all_members_and_the_pinned_certificate(pem: str) -> None:
    pool = XenServerPool(
        addresses=["xs1", "https://xs2:8443"],
        user="operator",
        password=SecretStr("secret"),
        certificate=pem,
        legacy=True,
    )

    endpoint = pool.endpoint()

    assert endpoint.urls == ("https://xs1:443", "https://xs2:8443")
    assert (endpoint.user, endpoint.password) == ("operator", SecretStr("secret"))
    assert endpoint.trust == Trust(pinned_pem=pem, legacy=True)


def test_fields_that_a_form_leaves_empty_count_as_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XENPATCH_PASSWORD", "from the environment")

    endpoint = XenServerPool(addresses=["xs1"], password=SecretStr(""), certificate="", ca="").endpoint()

    assert (endpoint.password, endpoint.trust) == (SecretStr("from the environment"), Trust())


def test_the_blocks_own_password_goes_before_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XENPATCH_PASSWORD", "from the environment")

    assert XenServerPool(addresses=["xs1"], password=SecretStr("own")).secret() == SecretStr("own")


@pytest.mark.usefixtures("forget_what_was_given")
def test_a_typed_password_goes_before_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XENPATCH_PASSWORD", "from the environment")
    held.remember("typed")

    assert XenServerPool(addresses=["xs1"]).secret() == SecretStr("typed")


def test_without_any_password_the_message_names_pool_and_variable() -> None:
    with pytest.raises(InputError) as refused:
        XenServerPool(addresses=["xs1"]).endpoint()

    assert "the pool at xs1" in str(refused.value)
    assert "XENPATCH_PASSWORD" in str(refused.value)
    assert "Nothing was contacted" in str(refused.value)


def test_the_mask_that_prefect_shows_is_not_taken_for_a_password() -> None:
    with pytest.raises(ValidationError, match="the mask that Prefect shows"):
        XenServerPool(addresses=["xs1"], password=SecretStr("**********"))


def test_a_pool_without_an_address_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least 1 item"):
        XenServerPool(addresses=[])


def test_passwords_are_in_no_representation() -> None:
    pool = XenServerPool(addresses=["xs1"], password=SecretStr("secret"))
    ssh = Dom0SSH(known_hosts="", password=SecretStr("secret"))

    assert "secret" not in f"{pool!r} {pool.endpoint()!r} {ssh!r} {ssh.access(pool)!r}"


def test_ssh_uses_the_pools_password_unless_it_has_its_own() -> None:
    pool = XenServerPool(addresses=["xs1"], password=SecretStr("of the pool"))

    assert Dom0SSH(known_hosts="").access(pool).password == SecretStr("of the pool")
    assert Dom0SSH(known_hosts="", password=SecretStr("own")).access(pool).password == SecretStr("own")


def test_the_password_of_one_user_is_not_offered_for_another_over_ssh() -> None:
    pool = XenServerPool(addresses=["xs1"], user="anna", password=SecretStr("of anna"))

    with pytest.raises(InputError, match=r"password of anna.*is not that of root.*Nothing was contacted"):
        Dom0SSH(known_hosts="").access(pool)
    assert Dom0SSH(known_hosts="", user="anna").access(pool).password == SecretStr("of anna")


def test_ssh_with_a_key_needs_no_password_at_all() -> None:
    key = private_key_text()

    access = Dom0SSH(known_hosts="", private_key=SecretStr(key), port=2222).access(
        XenServerPool(addresses=["xs1"])
    )

    assert (access.private_key, access.password, access.port) == (SecretStr(key), None, 2222)


@pytest.mark.usefixtures("forget_what_was_given")
def test_a_key_that_was_named_in_this_process_serves_a_block_without_secrets() -> None:
    pool = XenServerPool(addresses=["xs1"], password=SecretStr("of the pool"))
    held.remember_key(key := private_key_text())

    assert Dom0SSH(known_hosts="").access(pool).private_key == SecretStr(key)
    own = Dom0SSH(known_hosts="", password=SecretStr("own")).access(pool)
    assert (own.private_key, own.password) == (None, SecretStr("own"))


@pytest.mark.parametrize("field", ["certificate", "ca"])
def test_a_private_key_never_gets_into_a_block_of_a_pool(pem: str, field: str) -> None:
    given: dict[str, Any] = {field: private_key_text() + pem}

    with pytest.raises(InputError, match="holds a private key"):
        XenServerPool(addresses=["xs1"], **given)
