"""A simulated pool as a process: one line when it is ready, and a quiet end."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

KEYS = {
    "url",
    "tls_url",
    "legacy_tls_url",
    "user",
    "password",
    "hosts",
    "certificate",
    "known_hosts",
    "hotfix",
    "manifest",
}
PROGRAM = """
import sys
from simulator import Model, SimulatedPool
from simulator.serve import serve

serve(SimulatedPool(Model(hosts=2, vms=2)), sys.stdout)
"""
REACHED_IN_ANOTHER_THREAD = """
import signal, sys
from simulator import Model, SimulatedPool
from simulator.serve import serve

class Pool(SimulatedPool):
    def describe(self):
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
        return super().describe()

serve(Pool(Model(hosts=2, vms=2)), sys.stdout)
"""


@pytest.fixture(params=[PROGRAM, REACHED_IN_ANOTHER_THREAD], ids=["usual", "in another thread"])
def process(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", request.param],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_served_pool_says_where_it_is_and_ends_quietly_when_told(
    process: subprocess.Popen[str], number: signal.Signals
) -> None:
    assert process.stdout is not None
    line = process.stdout.readline()
    described = json.loads(line)
    assert described.keys() == KEYS
    assert [host["name"] for host in described["hosts"]] == ["xs1", "xs2"]
    process.send_signal(number)
    assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 0
