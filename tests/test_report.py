import pytest

from xenpatch.report import HostReport, RunReport
from xenpatch.steps.reboot import Rebooted
from xenpatch.xapi.types import HostUuid


def turn(name: str, *, down_at: float | None, up_at: float) -> HostReport:
    return HostReport(
        host=HostUuid(name),
        name=name,
        rebooted=Rebooted(before=1.0, after=up_at, down_at=down_at),
        moved_away=2,
        brought_home=2,
        seconds=60.0,
        unchecked=("packages",),
    )


def report(*hosts: HostReport) -> RunReport:
    return RunReport("pool", "XS602E008", tuple(host.name for host in hosts), hosts, backup="backup.xml")


@pytest.mark.parametrize(
    ("hosts", "seconds"),
    [
        ([turn("xs1", down_at=100, up_at=300)], 0),
        ([turn("xs1", down_at=100, up_at=300), turn("xs2", down_at=400, up_at=600)], 100),
        ([turn(f"xs{n}", down_at=n * 1000, up_at=n * 1000 + 200) for n in (1, 2, 3)], 1800),
        ([turn("xs1", down_at=None, up_at=300)], 0),
    ],
    ids=["a single host", "two hosts", "three hosts", "rebooted before the run"],
)
def test_mixed_time_is_from_the_first_new_boot_to_the_last_old_host_going_down(
    hosts: list[HostReport], seconds: float
) -> None:
    assert report(*hosts).mixed_seconds == seconds


def test_hosts_that_were_done_before_count_in_the_mixed_time() -> None:
    continued = RunReport(
        "pool", "X", ("xs1", "xs2"), (turn("xs2", down_at=400, up_at=600),), earlier_boots=(100.0,)
    )

    assert continued.mixed_seconds == 300


def test_a_check_that_could_not_be_made_is_named_once() -> None:
    summary = "\n".join(report(turn("xs1", down_at=1, up_at=2), turn("xs2", down_at=3, up_at=4)).summary())

    assert summary.count("packages") == 1


def test_a_run_that_had_nothing_to_do_says_so() -> None:
    assert "nothing was changed" in RunReport("pool", "XS602E008", ("xs1",)).summary()[0]
