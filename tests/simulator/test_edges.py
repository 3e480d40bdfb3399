"""What surrounds the XenAPI of a simulated pool: TLS of both ages, ssh, and the packages of a hotfix."""

import ssl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paramiko
import pytest
import XenAPI

from simulator import ManualClock, SimulatedPool
from simulator.hotfix import read_update
from tests.simulator.api import Api, listens

BOOT_ID = "cat /proc/sys/kernel/random/boot_id"


@contextmanager
def logged_in(pool: SimulatedPool, number: int) -> Iterator[paramiko.SSHClient]:
    host = pool.hosts[number]
    with paramiko.SSHClient() as client:
        client.load_host_keys(str(pool.known_hosts))
        client.connect(
            host.address,
            host.ssh_port,
            "root",
            pool.password,
            timeout=10,
            allow_agent=False,
            look_for_keys=False,
        )
        yield client


def answer(pool: SimulatedPool, number: int, command: str) -> str:
    with logged_in(pool, number) as client:
        _, stdout, _ = client.exec_command(command, timeout=10)
        return stdout.read().decode()


def login(pool: SimulatedPool, url: str, *, legacy: bool) -> list[str]:
    context = ssl.create_default_context(cafile=str(pool.certificate))
    if legacy:
        context.check_hostname = False
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
    transport = XenAPI.xmlrpclib.SafeTransport(context=context)
    session = XenAPI.Session(url, transport=transport)
    session.login_with_password("root", pool.password)
    names = [host["name_label"] for host in session.xenapi.host.get_all_records().values()]
    session.logout()
    return sorted(names)


@pytest.mark.parametrize("legacy", [False, True])
def test_the_api_is_served_over_tls_of_both_ages(pool: SimulatedPool, *, legacy: bool) -> None:
    url = pool.legacy_tls_url if legacy else pool.tls_url
    assert login(pool, url, legacy=legacy) == ["xs1", "xs2", "xs3"]


def test_a_client_of_today_does_not_talk_to_the_legacy_port(pool: SimulatedPool) -> None:
    with pytest.raises(ssl.SSLError):
        login(pool, pool.legacy_tls_url, legacy=False)


def test_every_host_answers_ssh_under_the_key_that_known_hosts_has(pool: SimulatedPool) -> None:
    names = [answer(pool, number, "hostname").strip() for number in range(3)]
    assert names == ["xs1", "xs2", "xs3"]
    assert len({answer(pool, number, BOOT_ID) for number in range(3)}) == 3


def test_a_reboot_cuts_ssh_off_and_gives_a_new_boot_id(
    pool: SimulatedPool, api: Api, clock: ManualClock
) -> None:
    before = answer(pool, 1, BOOT_ID)
    assert answer(pool, 1, BOOT_ID) == before
    host = api.named("host", "xs2")
    api.host.disable(host)
    with logged_in(pool, 1) as client:
        api.host.reboot(host)
        clock.advance(60)
        assert not listens(pool, "xs2", 3)
        with pytest.raises((paramiko.SSHException, OSError, EOFError)):
            client.exec_command(BOOT_ID, timeout=10)
    clock.advance(600)
    assert answer(pool, 1, BOOT_ID) != before


def test_the_packages_of_the_sample_hotfix_are_installed_in_an_older_release(pool: SimulatedPool) -> None:
    (update,) = Path(pool.hotfix).parent.glob("*.xsupdate")
    packages = read_update(update, []).packages
    names = [package.rsplit("-", 2)[0] for package in packages]
    query = r"rpm -q --qf '%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}\n' " + " ".join(names)
    installed = answer(pool, 0, query).splitlines()
    assert [package.rsplit("-", 2)[0] for package in installed] == names
    assert not set(installed) & set(packages)
