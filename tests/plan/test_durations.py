from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean, median, stdev

import pytest

from xenpatch.plan.durations import REBOOT, VERIFY, Durations, estimate_move
from xenpatch.plan.fit import Line
from xenpatch.plan.forecast import Forecast, forecast
from xenpatch.plan.history import MoveRecord, RebootRecord, Record
from xenpatch.plan.model import Move, Plan, Policy, Reboot, Step, Turn
from xenpatch.plan.schedule import timetable
from xenpatch.units import GIB
from xenpatch.xapi.types import HostUuid, VmUuid

A, B = HostUuid("a"), HostUuid("b")
VM, OTHER = VmUuid("vm"), VmUuid("other")


def moved(vm: VmUuid, gib: float, seconds: float, *, ok: bool = True) -> MoveRecord:
    return MoveRecord(vm, int(gib * GIB), A, B, seconds=seconds, ok=ok)


def on_line(fixed: float, rate: float, count: int = 20) -> list[Record]:
    """Moves of as many VMs of different sizes, all exactly as long as the line says."""
    return [moved(VmUuid(f"vm{gib}"), gib, fixed + gib / rate) for gib in range(1, count + 1)]


def move(no: int, vm: VmUuid, gib: float = 8, after: tuple[int, ...] = ()) -> Move:
    return Move(vm, vm, A, A, B, B, int(gib * GIB), 0, no=no, turn=A, after=after)


def reboot(no: int, host: HostUuid, after: tuple[int, ...] = ()) -> Reboot:
    return Reboot(host, host, no=no, wave=0, after=after)


def plan(*steps: Step, at_once: int = 4) -> Plan:
    return Plan((Turn(A, A, 0), Turn(B, B, 1)), steps, policy=Policy(moves_per_host=at_once))


def test_before_anything_is_known_a_move_costs_a_fixed_time_and_time_for_its_memory() -> None:
    assert estimate_move(0) == 15
    assert estimate_move(7 * GIB) == pytest.approx(35)
    assert Durations.prior().move(VM, 7 * GIB) == estimate_move(7 * GIB)
    assert Durations.prior().reboot(A) == REBOOT + VERIFY


def test_a_history_without_records_teaches_nothing() -> None:
    nothing, prior = Durations.learn([]), Durations.prior()
    for step in (move(1, VM), reboot(2, A)):
        assert nothing.median(step) == prior.median(step)
        assert nothing.p90(step) == pytest.approx(prior.p90(step))


def test_the_line_of_a_pool_is_learnt() -> None:
    line = Line.fit((gib * GIB, 30 + gib / 0.1) for gib in range(1, 21))
    assert line.fixed == pytest.approx(30)
    assert line.rate == pytest.approx(0.1)
    durations = Durations.learn(on_line(30, 0.1))
    assert durations.move(OTHER, 50 * GIB) == pytest.approx(530)


def test_outliers_hardly_bend_the_line() -> None:
    wrong = [moved(VmUuid(f"slow{gib}"), gib, 3000) for gib in (2, 9, 19)]
    assert Durations.learn([*on_line(30, 0.1), *wrong]).move(OTHER, 50 * GIB) == pytest.approx(530, rel=0.05)


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([moved(VM, 2, 10), moved(VM, 9, 100)], id="too few"),
        pytest.param([moved(VM, 8, 40 + number) for number in range(50)], id="one size"),
        pytest.param([moved(VM, gib, 900 - 30 * gib) for gib in range(1, 20)], id="faster the larger"),
    ],
)
def test_what_tells_no_line_leaves_the_rate_as_it_was_in_proportion(records: list[MoveRecord]) -> None:
    assert Line.fit((record.memory, record.seconds) for record in records) == Line()
    line = Durations.learn(records).line
    assert line.fixed * line.rate == pytest.approx(15 * 0.35)


def test_moves_of_one_size_still_tell_how_slow_the_pool_is() -> None:
    slow = [moved(VmUuid(f"vm{number}"), 7, 70) for number in range(100)]
    assert Durations.learn(slow).move(OTHER, 7 * GIB) == pytest.approx(70, rel=0.06)
    assert Durations.learn(slow).move(OTHER, 14 * GIB) == pytest.approx(110, rel=0.06)


def test_failed_moves_teach_nothing() -> None:
    failed = [moved(VM, 8, 1, ok=False)] * 50
    assert Durations.learn(failed).move(VM, 8 * GIB) == estimate_move(8 * GIB)


@pytest.mark.parametrize(("times", "share"), [(1, 1 / 2), (3, 3 / 4), (8, 8 / 9), (50, 8 / 9)])
def test_a_vm_is_known_the_better_the_more_often_it_has_moved(times: int, share: float) -> None:
    usual = on_line(15, 0.35, count=2000)
    dirty = [moved(VM, 7, 35 * 3)] * times
    assert Durations.learn([*usual, *dirty]).move(VM, 7 * GIB) == pytest.approx(35 * 3**share, rel=0.02)


def test_only_the_last_moves_of_a_vm_count() -> None:
    usual = on_line(15, 0.35, count=2000)
    records = [*usual, *[moved(VM, 7, 350)] * 20, *[moved(VM, 7, 35)] * 8]
    assert Durations.learn(records).move(VM, 7 * GIB) == pytest.approx(35, rel=0.02)


def test_a_host_takes_what_its_last_reboots_took_and_a_new_one_what_is_usual() -> None:
    records = [RebootRecord(A, seconds) for seconds in (9000, 9000, 400, 410, 420, 430, 440)]
    durations = Durations.learn([*records, *[RebootRecord(B, 800)] * 7])
    assert durations.reboot(A) == pytest.approx(420)
    assert durations.reboot(B) == pytest.approx(800)
    assert durations.reboot(HostUuid("new")) == 800


def test_the_more_is_known_of_a_step_the_narrower_it_is() -> None:
    def width(records: Sequence[Record], step: Step) -> float:
        durations = Durations.learn(records)
        return durations.p90(step) / durations.median(step)

    pool = on_line(15, 0.35, count=40)
    assert width([], move(1, VM)) == pytest.approx(math.exp(1.2816 * 0.6))
    assert width([], move(1, VM)) > width(pool, move(1, VM))
    assert width([], reboot(1, A)) > width([RebootRecord(B, 700)] * 9, reboot(1, A))

    varied = [moved(VmUuid(f"vm{n}"), n + 1, (15 + (n + 1) / 0.35) * 2 ** (n % 3 - 1)) for n in range(99)]
    once, often = [*varied, moved(VM, 7, 35)], [*varied, *[moved(VM, 7, 35)] * 8]
    assert width(varied, move(1, VM)) > width(once, move(1, VM)) > width(often, move(1, VM))


def test_a_sample_is_as_wide_as_its_step() -> None:
    durations, step, dice = Durations.prior(), move(1, VM), random.Random(1)
    drawn = sorted(durations.sample(plan(step), dice)(step) for _ in range(4000))
    assert median(drawn) == pytest.approx(durations.median(step), rel=0.06)
    assert drawn[3600] == pytest.approx(durations.p90(step), rel=0.1)


def test_all_moves_of_a_vm_are_slow_together() -> None:
    out, back = move(1, VM), move(2, VM, after=(1,))
    for _ in range(20):
        seconds = Durations.prior().sample(plan(out, back), random.Random())
        assert seconds(out) == seconds(back)


def test_the_sum_of_many_moves_stays_uncertain_by_what_they_share() -> None:
    durations, dice = Durations.learn(on_line(15, 0.35, count=300)), random.Random(1)
    steps = plan(*(move(no, VmUuid(f"new{no}")) for no in range(1, 501)))
    sums = [math.log(sum(map(durations.sample(steps, dice), steps))) for _ in range(100)]
    assert 0.04 < stdev(sums) < 0.08


def chain() -> Plan:
    """A host is emptied, reboots, and gets its VMs back; then the other reboots."""
    out = [move(no, VmUuid(f"vm{no}")) for no in range(1, 9)]
    back = [move(no, VmUuid(f"vm{no - 9}"), after=(9,)) for no in range(10, 18)]
    numbers = tuple(range(1, 9))
    return plan(*out, reboot(9, A, numbers), *back, reboot(18, B, tuple(range(10, 18))))


def test_a_forecast_is_the_same_each_time() -> None:
    assert forecast(chain(), Durations.prior()) == forecast(chain(), Durations.prior())


def test_a_forecast_is_about_the_whole_run_its_hosts_and_its_steps() -> None:
    durations = Durations.prior()
    seen = forecast(chain(), durations)
    usual = timetable(chain(), durations.median, 4)
    assert seen.total.p50 == pytest.approx(usual.total, rel=0.2)
    assert usual.total < seen.total.p90 < sum(durations.p90(step) for step in chain().steps)
    assert set(seen.hosts) == {A, B}
    assert seen.hosts[A].p50 < seen.hosts[B].p50 == seen.total.p50
    assert seen.mixed == pytest.approx(usual.mixed, rel=0.5)
    assert seen.steps[1].p50 == durations.median(move(1, VM))
    assert seen.steps[9].p90 == durations.p90(reboot(9, A))


def test_the_forecast_of_nothing_is_nothing() -> None:
    seen = forecast(plan(), Durations.prior())
    assert (seen.total.p50, seen.total.p90, seen.mixed, seen.steps) == (0, 0, 0, {})


def test_a_plan_of_one_step_is_forecast_as_that_step() -> None:
    seen = forecast(plan(reboot(1, A)), Durations.prior(), samples=2000)
    assert seen.total.p50 == pytest.approx(seen.steps[1].p50, rel=0.03)
    assert seen.total.p90 == pytest.approx(seen.steps[1].p90, rel=0.05)


@dataclass
class World:
    """A made-up pool: its own line, VMs with a factor, 8 % dirty ones, noise, and 2 % of moves gone wrong."""

    seed: int
    hosts: int = 8
    vms: int = 20
    dice: random.Random = field(init=False)
    line: Line = field(init=False)
    drains: list[Plan] = field(init=False)
    factors: dict[VmUuid, float] = field(init=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.line = Line().times(math.exp(self.dice.gauss(0, 0.15)))
        self.drains = [plan(*self._moves(host)) for host in range(self.hosts)]
        self.factors = {each.vm: self._factor() for drain in self.drains for each in drain}

    def _moves(self, host: int) -> list[Move]:
        sizes = [min(self.dice.lognormvariate(2, 0.8), 64) for _ in range(self.vms)]
        return [move(no, VmUuid(f"{host}-{no}"), gib) for no, gib in enumerate(sizes, start=1)]

    def _factor(self) -> float:
        dirty = self.dice.random() < 0.08
        return math.exp(self.dice.gauss(0, 0.25)) * (self.dice.uniform(1.5, 3) if dirty else 1)

    def seconds(self, step: Move) -> float:
        wrong = self.dice.random() < 0.02
        noise = math.exp(self.dice.gauss(0, 0.13)) * (self.dice.uniform(2, 4) if wrong else 1)
        return self.line.seconds(step.memory) * self.factors[step.vm] * noise

    def round(self) -> list[Record]:
        return [
            moved(each.vm, each.memory / GIB, self.seconds(each)) for drain in self.drains for each in drain
        ]


def over_in(drain: Plan, real: Mapping[int, float]) -> float:
    return timetable(drain, lambda step: real[step.no], drain.policy.moves_per_host).total


def judged(rounds: int, pools: int = 8) -> tuple[float, float, float]:
    """Mean error of a move, and the shares of moves and of drains that are over within their P90."""
    errors: list[float] = []
    moves_in_time: list[bool] = []
    drains_in_time: list[bool] = []
    for seed in range(pools):
        world = World(seed)
        durations = Durations.learn([record for _ in range(rounds) for record in world.round()])
        for drain in world.drains:
            seen: Forecast = forecast(drain, durations, samples=60)
            real = {each.no: world.seconds(each) for each in drain}
            errors += [abs(durations.median(each) / real[each.no] - 1) for each in drain]
            moves_in_time += [real[each.no] <= durations.p90(each) for each in drain]
            drains_in_time.append(over_in(drain, real) <= seen.total.p90)
    return mean(errors), mean(moves_in_time), mean(drains_in_time)


def test_one_round_teaches_most() -> None:
    unknown, learnt, well_known = (judged(rounds) for rounds in (0, 1, 4))
    errors = [error for error, _, _ in (unknown, learnt, well_known)]
    assert errors == pytest.approx([0.28, 0.19, 0.14], abs=0.015)
    for _, moves, drains in (unknown, learnt, well_known):
        assert moves >= 0.88
        assert drains >= 0.85
