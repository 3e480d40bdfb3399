"""What the blocks find when they greet a pool and its hosts."""

import pytest
from pydantic import SecretStr

from blocks import Dom0SSH, XenServerPool
from simulator import Model, SimulatedPool, User
from tests.flows.kit import changes
from tests.simulated import Simulated
from xenpatch.errors import LoginRefused, SshError, Untrusted

PASSWORD = "s3cret"


@pytest.fixture
def sim(simulated: Simulated) -> SimulatedPool:
    return simulated(Model(hosts=2, vms=2), users=[User("anna", PASSWORD, ("vm-operator",))])


def pool(sim: SimulatedPool, *, user: str = "root", password: str | None = None) -> XenServerPool:
    return XenServerPool(
        addresses=[sim.legacy_tls_url],
        user=user,
        password=SecretStr(password or sim.password),
        certificate=sim.certificate.read_text(),
        legacy=True,
    )


def ssh(sim: SimulatedPool, known_hosts: str) -> Dom0SSH:
    return Dom0SSH(known_hosts=known_hosts, port=sim.hosts[0].ssh_port)


def test_the_pool_tells_its_version_hosts_and_master_and_what_the_user_may_do(sim: SimulatedPool) -> None:
    assert pool(sim).ping().splitlines() == [
        "Simulated pool: XenServer 6.0.2, 2 hosts",
        "xs1: 127.0.0.1, master",
        "xs2: 127.0.0.2",
        "user root (no limits) may do all that a run does",
    ]
    assert changes(sim) == []


def test_hosts_out_of_service_are_told(sim: SimulatedPool) -> None:
    ref = next(ref for ref, row in sim.db.rows("host").items() if row["name__label"] == "xs2")
    sim.db.update("host", ref, enabled=False)

    assert "xs2: 127.0.0.2, disabled" in pool(sim).ping().splitlines()

    sim.db.update("host", ref, enabled=True)


def test_a_user_whose_role_is_not_enough_is_told_what_it_lacks(sim: SimulatedPool) -> None:
    told = pool(sim, user="anna", password=PASSWORD).ping()

    assert "user anna (role vm-operator" in told
    assert "may not upload the hotfix" in told


def test_a_wrong_password_or_certificate_is_an_error(sim: SimulatedPool) -> None:
    with pytest.raises(LoginRefused, match="wrong user or password"):
        pool(sim, password="wrong").ping()

    with pytest.raises(Untrusted, match="signed by no authority"):
        XenServerPool(addresses=[sim.tls_url], password=SecretStr(sim.password)).ping()


def test_each_host_proves_its_key_over_ssh_and_says_its_name(sim: SimulatedPool) -> None:
    assert ssh(sim, sim.known_hosts.read_text()).ping(pool(sim)).splitlines() == [
        "xs1: 127.0.0.1 shows its key, lets root in, and is called xs1",
        "xs2: 127.0.0.2 shows its key, lets root in, and is called xs2",
    ]


def test_a_host_whose_key_is_not_on_record_is_named_beside_those_that_are(sim: SimulatedPool) -> None:
    first, _ = sim.known_hosts.read_text().splitlines()

    with pytest.raises(SshError, match="xs2 cannot be asked over SSH") as failed:
        ssh(sim, first).ping(pool(sim))

    told = str(failed.value)
    assert "xs1: 127.0.0.1 shows its key" in told
    assert "xs2: no SSH host key of [127.0.0.2]" in told
