"""`xenpatch plan`: on a pool, on a saved one, in the middle of a run, and where there is no plan."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from simulator import SimulatedPool
from simulator.hotfix import make_sample
from tests.cli.saved_pools import patched, record, save
from tests.cli.test_commands import Result, sim, xenpatch  # noqa: F401 - a fixture
from tests.flows.kit import changes
from xenpatch.cli import main
from xenpatch.hotfix.manifest import load_manifest
from xenpatch.units import GIB

STEP = {"no", "wave", "action", "host", "host_name", "after", "p50_s", "p90_s", "begin_s", "end_s"}
MOVE = STEP | {"vm", "vm_name", "from", "from_name", "to", "to_name", "bytes", "free_after", "why"}


Command = Callable[..., Result]


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """The command in this process, which is quick: no pool is asked, and no Prefect imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def run(*args: object) -> Result:
        command = ["xenpatch", "plan", *map(str, args)]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as ended:
            main()
        return Result(command, int(ended.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """Three hosts of 16 GiB, a VM of 4 GiB on each."""
    hosts = {"xs1": 16, "xs2": 16, "xs3": 16}
    return save(tmp_path / "lab.xml", hosts, {f"vm-{n}": (f"xs{n}", 4) for n in (1, 2, 3)})


def document(found: Result) -> dict[str, Any]:
    """The one document on stdout."""
    assert found.stderr == ""
    read: dict[str, Any] = json.loads(found.stdout)
    return read


def test_a_live_pool_is_planned_and_not_changed(sim: SimulatedPool) -> None:  # noqa: F811
    found = xenpatch("plan", "--pool", sim.url, password=sim.password)

    assert (found.returncode, found.stderr) == (0, "")
    assert "hosts    2 to reboot, in 2 waves" in found.stdout
    assert "xs1*" in found.stdout
    assert changes(sim) == []


def test_a_live_pool_says_what_it_would_not_move(sim: SimulatedPool) -> None:  # noqa: F811
    vm = next(ref for ref, row in sim.db.rows("VM").items() if row["name__label"] == "vm-web-1")
    sim.db.update("VM", vm, blocked_operations={"pool_migrate": "no"})

    found = xenpatch("plan", "--pool", sim.url, "--json", password=sim.password)

    (staying,) = document(found)["to_stop"]
    assert (staying["name"], staying["host_name"]) == ("vm-web-1", "xs1")
    assert "blocked" in staying["reason"]
    assert all(step.get("vm_name") != "vm-web-1" for step in document(found)["steps"])


def test_a_saved_pool_is_planned_without_one(plan: Command, lab: Path) -> None:
    found = plan("--dump", lab)

    assert (found.returncode, found.stderr) == (0, "")
    pool, hosts, moves, memory, end, turns, mixed, fullest, _, header, *_ = found.stdout.splitlines()
    assert pool == "lab  uuid p-uuid"
    assert hosts == "  hosts    3 to reboot, in 3 waves"
    assert moves == "  moves    6, the fewest possible"
    assert memory == "  memory   24 GiB, the least possible"
    assert re.fullmatch(r"  end      after \d+ min \d\d s \(P50\), .+ \(P90\)", end)
    assert turns.startswith("  turns    done after, P50 (P90): xs1 ")
    assert mixed.startswith("  mixed    hosts of both levels run side by side for ")
    assert fullest == "  fullest  xs1, up to 50% of its memory"
    assert header.split()[:2] == ["step", "action"]


def test_the_document_has_every_field(plan: Command, lab: Path) -> None:
    told = document(plan("--dump", lab, "--json"))

    assert told.keys() == {
        "format", "pool", "policy", "feasible", "header", "bound", "turns", "steps", "to_stop", "notes",
        "infeasible",
    }  # fmt: skip
    assert told["pool"] == {"uuid": "p-uuid", "name": "lab", "master": "xs1-uuid"}
    assert told["policy"] == {"placement": "home", "width": 1, "moves_per_host": 2, "squeeze": False}
    assert told["header"].keys() == {
        "hosts", "waves", "moves", "bytes", "p50_s", "p90_s", "mixed_s", "fullest", "squeezed", "together",
    }  # fmt: skip
    assert told["bound"] == {"moves": 6, "bytes": 24 * GIB}
    assert [turn.keys() for turn in told["turns"]] == [
        {"host", "name", "wave", "reboots", "p50_s", "p90_s"} for _ in range(3)
    ]
    assert {step["no"] for step in told["steps"]} == set(range(1, 10))
    for step in told["steps"]:
        assert step.keys() == (STEP if step["action"] == "reboot" else MOVE)
        assert step["p50_s"] <= step["p90_s"]
    assert (told["feasible"], told["infeasible"]) == (True, None)


def test_moves_at_once_follow_the_release_unless_told(plan: Command, tmp_path: Path) -> None:
    newer = save(tmp_path / "newer.xml", {"xs1": 8, "xs2": 8}, {}, release="8.2.1")

    assert document(plan("--dump", newer, "--json"))["policy"]["moves_per_host"] == 4
    told = document(plan("--dump", newer, "--json", "--moves-per-host", "3"))
    assert told["policy"]["moves_per_host"] == 3


def test_placement_and_width_change_the_plan(plan: Command, lab: Path) -> None:
    free = document(plan("--dump", lab, "--json", "--placement", "free", "--width", "auto"))

    assert (free["policy"]["placement"], free["policy"]["width"]) == ("free", 4)
    assert free["header"]["moves"] == 4
    assert free["header"]["waves"] < 3


def test_a_drawing_is_written(plan: Command, lab: Path, tmp_path: Path) -> None:
    found = plan("--dump", lab, "--svg", tmp_path / "plan.svg")

    assert found.returncode == 0
    assert "vm-1" in "".join(ET.parse(tmp_path / "plan.svg").getroot().itertext())


FULL = ({"xs1": 16, "xs2": 8}, {"vm-big": ("xs1", 12), "vm-small": ("xs2", 2)})


def test_without_a_plan_the_reason_and_what_to_stop_are_told(plan: Command, tmp_path: Path) -> None:
    full = save(tmp_path / "full.xml", *FULL)

    found = plan("--dump", full, "--svg", tmp_path / "plan.svg")

    assert (found.returncode, found.stderr) == (3, "")
    assert "There is no plan: " in found.stdout
    assert "This is proved" in found.stdout
    assert "With 1 VM stopped there is a plan: vm-big (12 GiB; no fewer can do)." in found.stdout
    assert not (tmp_path / "plan.svg").exists()


def test_without_a_plan_the_document_says_why(plan: Command, tmp_path: Path) -> None:
    found = plan("--dump", save(tmp_path / "full.xml", *FULL), "--json")

    assert found.returncode == 3
    told = document(found)
    assert (told["feasible"], told["header"], told["bound"]) == (False, None, None)
    assert told["turns"] == told["steps"] == []
    assert told["infeasible"].keys() == {
        "host", "name", "shortage", "proved", "reason", "remedy", "vms", "needed", "rooms", "stop",
    }  # fmt: skip
    assert told["infeasible"]["stop"] == {
        "vms": [{"vm": "vm-big-uuid", "name": "vm-big"}],
        "bytes": 12 * GIB,
        "smallest": True,
    }


def test_squeezing_makes_room_where_nothing_else_does(plan: Command, tmp_path: Path) -> None:
    full = save(tmp_path / "full.xml", *FULL)

    told = document(plan("--dump", full, "--json", "--squeeze"))

    assert "vm-big" in told["header"]["squeezed"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"power_state": "Paused"}, "it is paused, and a paused VM cannot be moved"),
        ({"blocked_operations": "(('pool_migrate' ''))"}, "its migration is blocked by its owner"),
        ({"attached_PCIs": "('OpaqueRef:gpu')"}, "it uses a PCI device of its host"),
    ],
)
def test_vms_that_cannot_move_are_named_and_left_out(
    plan: Command, tmp_path: Path, fields: dict[str, object], reason: str
) -> None:
    saved = save(tmp_path / "lab.xml", {"xs1": 16, "xs2": 16}, {"vm-stuck": ("xs1", 4)}, vm=fields)

    found = plan("--dump", saved)

    assert found.returncode == 0
    assert f"vm-stuck has to be stopped or suspended for the reboot of xs1: {reason}" in found.stdout
    assert "moves    0" in found.stdout


def test_real_pools_are_planned(plan: Command, shared_data: Path) -> None:
    found = plan("--dump", shared_data / "pools" / "TampaTwoHostPoolSelectioniSCSI.xml")

    assert (found.returncode, found.stderr) == (0, "")
    assert "moves    4, the fewest possible" in found.stdout
    for vm, host in (("Local", "dt16"), ("OnMasterLocal", "dt23")):
        assert (
            f"{vm} has to be stopped or suspended for the reboot of {host}: "
            "no other host can run it (none has SR 'Local storage')"
        ) in found.stdout


def test_in_the_middle_of_a_run_what_is_left_is_planned_from_what_is(plan: Command, lab: Path) -> None:
    hosts = {"xs1": 16, "xs2": 16}
    save(lab, hosts, {"vm-1": ("xs2", 4)}, pool={"other_config": record("x1")}, more=patched("xs1", "x1"))
    text = lab.read_text().replace(
        "('boot_time' '1000.')", "('boot_time' '1000.') ('xenpatch-home' 'vm-1-uuid')", 1
    )
    lab.write_text(text)

    found = plan("--dump", lab, "--json")

    told = document(found)
    assert [turn["name"] for turn in told["turns"] if turn["reboots"]] == ["xs2"]
    moves = [step for step in told["steps"] if step["action"] != "reboot"]
    assert [(move["vm_name"], move["to_name"]) for move in moves] == [("vm-1", "xs1")]
    assert any(
        "a run of X1, started 2026-01-01T00:00:00Z by me@here, is not over" in note for note in told["notes"]
    )


def test_only_hosts_that_need_the_hotfix_reboot(plan: Command, tmp_path: Path) -> None:
    sample = make_sample(tmp_path, "6.0.2")
    uuid = load_manifest(sample.manifest).uuid
    saved = save(tmp_path / "lab.xml", {"xs1": 16, "xs2": 16}, {}, more=patched("xs1", uuid))
    named = ("--hotfix", sample.archive, "--manifest", sample.manifest)

    assert document(plan("--dump", saved, "--json", *named))["header"]["hosts"] == 1
    assert document(plan("--dump", saved, "--json"))["header"]["hosts"] == 2


def test_where_nothing_is_left_to_do_it_says_so(plan: Command, tmp_path: Path) -> None:
    saved = save(
        tmp_path / "lab.xml", {"xs1": 16}, {}, pool={"other_config": record("x1")}, more=patched("xs1", "x1")
    )

    found = plan("--dump", saved)

    assert found.returncode == 0
    assert "There is nothing to do" in found.stdout


def test_a_host_out_of_service_is_pointed_out(plan: Command, lab: Path) -> None:
    lab.write_text(
        lab.read_text().replace('name__label="xs2" enabled="true"', 'name__label="xs2" enabled="false"')
    )

    found = plan("--dump", lab)

    assert "xs2 is disabled: no VM is moved there before its reboot" in found.stdout


BAD = {
    "neither pool nor dump": ((), "give one of --pool URL, --pool-block NAME and --dump FILE"),
    "pool and dump": (("--dump", "{lab}", "--pool", "https://127.0.0.1:9"), "give one of --pool URL"),
    "two pools": (("--pool-block", "b", "--pool", "https://127.0.0.1:9"), "give one of --pool URL"),
    "no host at once": (("--dump", "{lab}", "--width", "0"), "'0' is neither"),
    "many hosts at once": (("--dump", "{lab}", "--width", "many"), "'many' is neither"),
    "more hosts than any pool has": (("--dump", "{lab}", "--width", "65"), "from 1 to 64, or auto"),
    "half a host": (("--dump", "{lab}", "--width", "1.5"), "'1.5' is neither"),
    "unknown placement": (("--dump", "{lab}", "--placement", "near"), "'near' is not one of 'home', 'free'"),
    "no move at once": (("--dump", "{lab}", "--moves-per-host", "0"), "greater than or equal to 1"),
    "no dump": (("--dump", "{text}"), "is no whole pool database"),
    "dump is not there": (("--dump", "nowhere.xml"), "nowhere.xml cannot be read: No such file"),
    "dump is a folder": (("--dump", "."), "cannot be read: Is a directory"),
    "no hotfix": (("--dump", "{lab}", "--hotfix", "nowhere.zip"), "nowhere.zip does not exist"),
    "drawing nowhere": (("--dump", "{lab}", "--svg", "nowhere/plan.svg"), "plan.svg cannot be written"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_told_and_nothing_is_contacted(
    plan: Command, case: str, lab: Path, tmp_path: Path
) -> None:
    (tmp_path / "text").write_text("not a database\n")
    places = {"{lab}": lab, "{text}": tmp_path / "text"}
    args, words = BAD[case]

    found = plan(*(places.get(arg, arg) for arg in args))

    assert (found.returncode, found.stdout) == (2, "")
    assert words in " ".join(found.stderr.replace("│", " ").split())
    assert "Traceback" not in found.stderr
