"""A XenServer pool that speaks the real XenAPI over the network, to test and rehearse against."""

from simulator.call import XapiError
from simulator.clock import Clock, ManualClock
from simulator.faults import Fault, FaultRule, load_faults
from simulator.model import Model, User
from simulator.pool import HostAddress, SimulatedPool
from simulator.world import Durations, KnownHotfix

__all__ = [
    "Clock",
    "Durations",
    "Fault",
    "FaultRule",
    "HostAddress",
    "KnownHotfix",
    "ManualClock",
    "Model",
    "SimulatedPool",
    "User",
    "XapiError",
    "load_faults",
]
