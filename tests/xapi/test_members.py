"""Every member leads to the master, also one that nobody named and that was learnt of later."""

import time

import pytest
from pydantic import SecretStr

from simulator import FaultRule, Model, SimulatedPool
from simulator.tls import make_certificates
from tests.simulated import Simulated
from xenpatch.errors import Untrusted, WaitTimeout
from xenpatch.waiting import NotYet, wait_for
from xenpatch.xapi.members import Members
from xenpatch.xapi.session import Endpoint, Limits, Session, open_session
from xenpatch.xapi.tls import Trust
from xenpatch.xapi.transport import on_host

MASTER, FIRST, SECOND = "https://10.0.0.1:443", "https://10.0.0.2:443", "https://10.0.0.3:443"
ADDRESSES = ["10.0.0.1", "10.0.0.2", "", "10.0.0.3"]


@pytest.fixture
def empty_pool(quick_looks: None, simulated: Simulated) -> SimulatedPool:
    """Three hosts without a VM; one that goes down stays down."""
    del quick_looks
    stays_down = FaultRule.from_dict({"call": "boot", "do": {"never": True}, "times": "always"})
    return simulated(Model(hosts=3, vms=0), faults=[stays_down])


def at_slave(sim: SimulatedPool) -> Endpoint:
    return Endpoint((on_host(sim.url, sim.hosts[1].address),), sim.user, SecretStr(sim.password))


def take_down(session: Session, name: str) -> None:
    """Bring a slave down, and wait until its master holds it for dead."""
    (host,) = session.read("host.get_by_name_label", name)
    session.call("host.disable", host)
    session.call("host.reboot", host)
    metrics = session.read("host.get_metrics", host)

    def look() -> bool | NotYet:
        return not session.read("host_metrics.get_live", metrics) or NotYet("alive")

    wait_for(f"{name} to be down", look, 60)


def read_until_it_is_down(session: Session) -> None:
    while True:
        session.read("host.get_all")


@pytest.mark.leaves("host xs2 is disabled")
def test_a_run_goes_on_when_the_slave_that_was_named_dies(empty_pool: SimulatedPool) -> None:
    with open_session(at_slave(empty_pool)) as session:
        take_down(session, "xs2")

        assert len(session.read("host.get_all")) == 3
    with open_session(at_slave(empty_pool)) as session:
        assert session.url == empty_pool.url


@pytest.mark.leaves("host xs2 is disabled")
def test_a_master_that_does_not_answer_is_found_again_through_a_member_that_nobody_named(
    empty_pool: SimulatedPool,
) -> None:
    with open_session(at_slave(empty_pool)) as session:
        take_down(session, "xs2")
        cut = {"call": "host.get_all", "do": {"drop": "before"}, "times": 3}
        empty_pool.faults.add(FaultRule.from_dict(cut))

        assert len(session.read("host.get_all")) == 3


@pytest.mark.leaves("host xs1 is disabled")
def test_slaves_that_wait_for_their_master_do_not_keep_us_from_looking_at_it(
    empty_pool: SimulatedPool,
) -> None:
    limits = Limits(call=60, login=0.2, master=1)
    session = Session(Endpoint((empty_pool.url,), empty_pool.user, SecretStr(empty_pool.password)), limits)
    session.login()
    (master,) = session.read("host.get_by_name_label", "xs1")
    session.call("host.disable", master)
    session.call("host.reboot", master)
    began = time.monotonic()

    with pytest.raises(WaitTimeout):
        read_until_it_is_down(session)

    assert time.monotonic() - began < 20


def test_what_the_pool_names_must_show_a_trusted_certificate_and_is_passed_over_else(
    small_pool: SimulatedPool,
) -> None:
    shown = small_pool.certificate.read_text().split("-----END CERTIFICATE-----\n")
    only_the_masters = Trust(pinned_pem=f"{shown[0]}-----END CERTIFICATE-----\n")
    given = Endpoint((small_pool.tls_url,), small_pool.user, SecretStr(small_pool.password), only_the_masters)
    with open_session(given) as session:
        cut = {"call": "host.get_all", "do": {"drop": "before"}, "times": 2}
        small_pool.faults.add(FaultRule.from_dict(cut))

        assert len(session.read("host.get_all")) == 2


def test_an_address_that_was_given_must_be_trusted(
    small_pool: SimulatedPool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = make_certificates(tmp_path_factory.mktemp("other"), ["127.0.0.1"]).bundle.read_text()
    given = Endpoint(
        (small_pool.tls_url,), small_pool.user, SecretStr(small_pool.password), Trust(pinned_pem=other)
    )

    with pytest.raises(Untrusted), open_session(given, patience=30):
        pass


def test_each_member_has_its_turn_whoever_was_named() -> None:
    members = Members((FIRST,))
    members.learn(MASTER, ADDRESSES)

    turn = [MASTER]
    while (url := members.after(turn[-1])) not in turn:
        turn.append(url)

    assert sorted(turn) == [MASTER, FIRST, SECOND]


def test_the_next_session_begins_where_the_master_was_found() -> None:
    members = Members((FIRST,))
    members.learn(SECOND, ADDRESSES)

    assert list(members) == [SECOND, FIRST, MASTER]


def test_a_member_that_is_not_trusted_is_not_learnt_of_again() -> None:
    members = Members((FIRST,))
    members.learn(MASTER, ADDRESSES)

    assert members.forget(MASTER)
    members.learn(FIRST, ADDRESSES)

    assert list(members) == [FIRST, SECOND]
    assert not members.forget(FIRST)


def test_no_password_goes_unprotected_to_an_address_that_a_pool_names() -> None:
    members = Members(("http://127.0.0.1:8080",))
    members.learn("http://127.0.0.1:8080", [*ADDRESSES, "127.0.0.2"])

    assert list(members) == ["http://127.0.0.1:8080", "http://127.0.0.2:8080"]
