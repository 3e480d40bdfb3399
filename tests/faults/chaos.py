"""Any pool, any faults, any deaths, and somebody else at work on it.

What must never be is watched at every change of the pool; what must be in the end is looked at when the
faults are gone and a last run has ended.

    python -m tests.faults.chaos [--examples N] [--seed N]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Collection
from contextlib import ExitStack, suppress
from typing import Any, Final

import XenAPI
from hypothesis import HealthCheck, seed, settings
from hypothesis import Phase as Part
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from simulator import Fault, FaultRule, Model
from tests.crash.case import LIMIT, pool_of, serving
from tests.crash.points import Phase, Points
from tests.faults.watch import ALIVE, Watch, out_of_service
from tests.flows import awkward
from tests.flows.kit import boots, places, traces
from xenpatch.options import PatchOptions
from xenpatch.plan.model import Placement

_BEATS: Final = {"XENPATCH_HEARTBEAT_SECONDS": "0.5"}

_CALLS: Final = (
    "VM.pool_migrate", "host.disable", "host.reboot", "pool_patch.pool_apply", "pool_patch.precheck",
    "host.add_to_other_config", "host.remove_from_other_config", "pool.add_to_other_config",
    "pool.remove_from_other_config", "PUT /pool_patch_upload",
)  # fmt: skip
_TROUBLES: Final = (
    Fault(drop="before"),
    Fault(drop="after"),
    Fault(error=("INTERNAL_ERROR", "simulated")),
    Fault(error=("HOST_NOT_ENOUGH_FREE_MEMORY", "1", "0")),
    Fault(delay=120.0),
)
FAULTS: Final = st.builds(
    FaultRule,
    call=st.sampled_from(_CALLS),
    do=st.sampled_from(_TROUBLES),
    skip=st.integers(0, 5),
    times=st.integers(1, 3),
)
MOMENTS: Final = st.integers(1, 70)
"""How many changing calls of a run come first."""

Act = Callable[[Any, str, str], None]
"""What somebody does with a VM, by a client of his own; the third is another host."""


def _moves(api: Any, vm: str, host: str) -> None:
    api.VM.pool_migrate(vm, host, {"live": "true"})


def _stops(api: Any, vm: str, _: str) -> None:
    api.VM.hard_shutdown(vm)


def _stops_and_starts(api: Any, vm: str, host: str) -> None:
    api.VM.hard_shutdown(vm)
    api.VM.start_on(vm, host, False, False)


ACTS: Final[tuple[Act, ...]] = (_moves, _stops, _stops_and_starts)


class Moments(Points):
    """Has somebody act, too, at one of the calls that are sent."""

    def __init__(self) -> None:
        super().__init__()
        self.act: Callable[[], None] | None = None
        self.moment = 0

    def arm(self, *, die: int = 0, phase: Phase = "before", moment: int = 0) -> None:
        """Count anew; the run dies at one call, somebody acts at another."""
        self.sent.clear()
        self.number, self.phase, self.moment = die, phase, moment

    def match(self, call: str, names: Collection[str] = (), texts: Collection[str] = ()) -> Fault | None:
        """As any other fault."""
        found = super().match(call, names, texts)
        if self.act is not None and self.moment and len(self.sent) >= self.moment:
            act, self.act = self.act, None
            act()
        return found


class AnyRun(RuleBasedStateMachine):
    """Runs on one pool, one after another."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self._faults = Moments()
        self._runs = 0
        self._touched: set[str] = set()

    @initialize(
        hosts=st.integers(2, 4),
        vms=st.integers(0, 6),
        width=st.integers(1, 2),
        placement=st.sampled_from((Placement.HOME, Placement.FREE)),
    )
    def a_pool(self, hosts: int, vms: int, width: int, placement: Placement) -> None:
        """With room to empty any host."""
        self._case = self._stack.enter_context(pool_of(self._faults, Model(hosts=hosts, vms=vms)))
        self._options = PatchOptions(width=width, placement=placement)
        self._watch = Watch(self._case.sim, width)
        self._homes = places(self._case.sim)

    @rule(fault=FAULTS)
    def something_is_broken(self, fault: FaultRule) -> None:
        """From now on."""
        self._faults.add(fault)

    @rule()
    def it_is_mended(self) -> None:
        """All of it."""
        self._faults.clear()

    @rule(die=MOMENTS, phase=st.sampled_from(("before", "after")))
    def a_run_dies(self, die: int, phase: Phase) -> None:
        """If it comes that far."""
        self._faults.arm(die=die, phase=phase)
        self._run()

    @rule(moment=MOMENTS, vm=st.integers(0, 5), act=st.sampled_from(ACTS), host=st.integers(0, 3))
    def somebody_is_at_work_in_a_run(self, moment: int, vm: int, act: Act, host: int) -> None:
        """The run ends well or not."""
        names = sorted(self._homes)
        if names:
            self._faults.arm(moment=moment)
            self._faults.act = lambda: self._somebody(names[vm % len(names)], act, host)
        self._run()
        self._faults.act = None

    @invariant()
    def nothing_is_what_must_never_be(self) -> None:
        """At no moment until now."""
        if hasattr(self, "_watch"):
            assert self._watch.broken == []

    def teardown(self) -> None:
        """A last run, undisturbed, ends everything."""
        with self._stack:
            if not hasattr(self, "_case") or self._watch.broken:
                return
            self._faults.clear()
            self._faults.arm()
            assert self._run() == 0, self._case.said(str(self._runs))
            self.nothing_is_what_must_never_be()
            self._all_is_done()

    def _all_is_done(self) -> None:
        sim = self._case.sim
        hosts = [host.name for host in sim.hosts]
        assert sorted(boots(sim)) == sorted(hosts)
        assert len(sim.db.rows("host_patch")) == len(hosts)
        assert out_of_service(sim) == set()
        assert list(traces(sim)) == []
        now = places(sim)
        untouched = {vm: host for vm, host in self._homes.items() if vm not in self._touched}
        if self._options.placement is Placement.HOME:
            assert {vm: now.get(vm) for vm in untouched} == untouched
        assert untouched.keys() <= now.keys()

    def _run(self) -> int | None:
        self._runs += 1
        process = self._faults.process = self._case.bring_to_the_end(str(self._runs), _BEATS, self._options)
        process.join(LIMIT)
        assert process.exitcode is not None, f"a run did not end in {LIMIT:.0f} s"
        return process.exitcode

    def _somebody(self, name: str, act: Act, place: int) -> None:
        sim = self._case.sim
        vm, hosts = awkward.vm(sim, name), list(sim.db.rows("host"))
        self._touched.add(name)
        self._watch.excuse(vm)
        with suppress(XenAPI.Failure), awkward.client(sim) as api:
            if sim.db.get("VM", vm)["power_state"] in ALIVE:
                act(api, vm, hosts[place % len(hosts)])


def try_everything(examples: int, number: int | None = None) -> None:
    """So many pools, each with a few runs; with a seed not the ones that are always tried."""
    machine = AnyRun if number is None else seed(number)(AnyRun)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=4,
            deadline=None,
            derandomize=number is None,
            database=None,
            phases=(
                Part.generate,
            ),  # each run takes seconds: what was found is as good as the shortest way to it
            suppress_health_check=list(HealthCheck),
        ),
    )


def main() -> int:
    """Try it; what fails is shown as the shortest way to it that was found."""
    parser = argparse.ArgumentParser(description="Runs on any pool, with any faults, deaths and colleagues.")
    parser.add_argument("--examples", type=int, default=100, help="how many pools")
    parser.add_argument("--seed", type=int, help="others than always")
    given = parser.parse_args()
    with serving():
        try_everything(given.examples, given.seed)
    print(f"{given.examples} pools, nothing was what must never be")  # noqa: T201 - a command
    return 0


if __name__ == "__main__":
    sys.exit(main())
