"""Identifiers of the XenAPI: a reference lives as long as the master's xapi, a uuid for good.

Everything that outlives a call is keyed by uuid; mixing the two is the classic bug of XenAPI clients.
"""

from typing import NewType

from pydantic import SecretStr

PoolRef = NewType("PoolRef", str)
HostRef = NewType("HostRef", str)
VmRef = NewType("VmRef", str)
PatchRef = NewType("PatchRef", str)
TaskRef = NewType("TaskRef", str)
SessionRef = NewType("SessionRef", SecretStr)
"""As good as the password, and treated like it."""

PoolUuid = NewType("PoolUuid", str)
HostUuid = NewType("HostUuid", str)
VmUuid = NewType("VmUuid", str)
SrUuid = NewType("SrUuid", str)
NetworkUuid = NewType("NetworkUuid", str)
VbdUuid = NewType("VbdUuid", str)
VdiUuid = NewType("VdiUuid", str)
PbdUuid = NewType("PbdUuid", str)

NULL_REF = "OpaqueRef:NULL"
