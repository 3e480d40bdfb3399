"""The placement of VMs that leave a host, and the errors of those that cannot."""

from collections.abc import Mapping

import pytest

from simulator.call import Ref
from simulator.evacuation import pack

Sizes = Mapping[str, int]


@pytest.mark.parametrize(
    ("vms", "hosts", "placed"),
    [
        pytest.param({"a": 4}, {"x": 8, "y": 9}, {"a": "y"}, id="to the host with most memory"),
        pytest.param({"a": 5, "b": 3}, {"x": 9, "y": 6}, {"a": "x", "b": "y"}, id="the largest VM first"),
        pytest.param({"a": 3, "b": 5}, {"x": 9, "y": 6}, {"b": "x", "a": "y"}, id="whatever their order"),
        pytest.param(
            {"a": 9, "b": 2}, {"x": 5, "y": 4}, {"b": "x"}, id="the one that does not fit is left out"
        ),
        pytest.param(
            {"a": 4, "b": 4}, {"x": 8, "y": 4}, {"a": "x", "b": "x"}, id="of equals the one used last"
        ),
        pytest.param({"a": 5}, {"x": 5}, {"a": "x"}, id="to the last byte"),
        pytest.param({"a": 1}, {}, {}, id="no host"),
    ],
)
def test_vms_are_packed_worst_fit_decreasing(vms: Sizes, hosts: Sizes, placed: Mapping[str, str]) -> None:
    refs = {Ref(vm): size for vm, size in vms.items()}

    assert pack(refs.items(), [(Ref(host), size) for host, size in hosts.items()]) == placed
