"""Old TLS and old SSH, and hosts that are not who they should be."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from blocks import Dom0SSH, XenServerPool
from flows.patch_pool import patch_pool
from simulator import SimulatedPool
from simulator.tls import make_certificates
from tests.flows.kit import boots, changes, shell
from xenpatch.errors import Untrusted
from xenpatch.options import PatchOptions


@dataclass
class Run:
    """A run with its own idea of whom to trust."""

    sim: SimulatedPool
    folder: Path

    def __call__(self, certificate: str, ssh: Dom0SSH | None) -> None:
        pool = XenServerPool(
            addresses=[self.sim.legacy_tls_url],
            password=SecretStr(self.sim.password),
            certificate=certificate,
            legacy=True,
        )
        patch_pool(
            pool, (self.sim.hotfix,), (self.sim.manifest,), ssh, PatchOptions(backup_folder=self.folder)
        )


@pytest.fixture
def run(sim: SimulatedPool, tmp_path: Path) -> Run:
    return Run(sim, tmp_path)


def test_a_pool_of_2012_is_patched_over_tls_1_0_and_old_ssh(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    run(run.sim.certificate.read_text(), shell(run.sim))

    warned = [record.getMessage() for record in caplog.records if "legacy TLS" in record.getMessage()]
    assert len(warned) == 1
    assert boots(run.sim) == ["xs1", "xs2", "xs3"]


def test_another_certificate_is_refused_before_the_password_is_sent(run: Run, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = make_certificates(tmp_path / "other", ["127.0.0.1"]).bundle.read_text()

    with pytest.raises(Untrusted) as refused:
        run(other, None)

    assert "No password was sent" in str(refused.value)
    assert run.sim.journal.calls() == []


def test_a_changed_host_key_is_refused_before_anything_is_changed(run: Run) -> None:
    lines = run.sim.known_hosts.read_text().splitlines()
    keys = [line.split(" ", 1) for line in lines]
    swapped = [f"{address} {keys[(n + 1) % len(keys)][1]}" for n, (address, _) in enumerate(keys)]
    ssh = Dom0SSH(known_hosts="\n".join(swapped) + "\n", port=run.sim.hosts[0].ssh_port)

    with pytest.raises(Untrusted):
        run(run.sim.certificate.read_text(), ssh)

    assert changes(run.sim) == []
