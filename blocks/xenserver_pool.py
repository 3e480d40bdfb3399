"""The block that says how to reach a pool's XenAPI."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, HttpUrl, SecretStr

from blocks import held, icon
from blocks.reference import OptionalSecret, StoredByReference
from xenpatch.errors import InputError
from xenpatch.ping import ping_pool
from xenpatch.xapi.session import Endpoint
from xenpatch.xapi.tls import Trust, certificates


def _certificates_alone(text: str | None) -> str | None:
    """Refuse anything else, before Prefect writes it down: above all a private key. Raises InputError."""
    if text:
        certificates(text)
    return text


Pem = Annotated[str | None, AfterValidator(_certificates_alone)]


class XenServerPool(StoredByReference):
    """A XenServer pool: where its members are, who logs in, and what certificate they must show.

    Example:
        ```python
        from blocks import XenServerPool

        pool = XenServerPool.load("BLOCK_NAME")
        print(pool.ping())
        ```

    """

    _block_type_name = "XenServer Pool"
    _block_type_slug = "xenserver-pool"
    _description = (
        "A XenServer pool: where its members are, who logs in, and what certificate they must show."
    )
    _logo_url = icon.Served()
    _documentation_url = HttpUrl("https://docs.xenserver.com")

    addresses: list[str] = Field(
        min_length=1,
        description=(
            "Names, addresses or URLs (https://host:port) of members of the pool, the one to begin with "
            "first. Any member leads to the master; the others help while that one is down."
        ),
    )
    user: str = Field(default="root", description="The user that logs in to the pool.")
    password: OptionalSecret = Field(
        default=None,
        description=(
            "The user's password. Left empty, it is taken from the environment variable XENPATCH_PASSWORD "
            "of the process that runs the flow, and stored nowhere."
        ),
    )
    certificate: Pem = Field(
        default=None,
        description=(
            "PEM text of the certificates that the members themselves show, one after another; nothing else "
            "is accepted then."
        ),
    )
    ca: Pem = Field(
        default=None,
        description=(
            "PEM text of the authority that signed the members' certificates. With neither this nor a "
            "pinned certificate, the authorities that this machine trusts are used."
        ),
    )
    legacy: bool = Field(
        default=False,
        description=(
            "TLS 1.0 and small keys, as XenServer 6.x speaks. The certificate is still checked, but the "
            "encryption is weak: use it with a pinned certificate, on a management network that you trust."
        ),
    )

    migration_network: str | None = Field(
        default=None,
        description=(
            "Name or uuid of a network that VMs should move over. Up to XenServer 7.0 they move over the "
            "management network, and nothing can change that: a run with this set is refused by its "
            "prechecks. Leave it empty."
        ),
    )

    def ping(self) -> str:
        """Log in and say what was found, in lines: version, hosts, master, what the user may do.

        Changes nothing. Raises InputError, Unreachable, Untrusted, LoginRefused.
        """
        return ping_pool(self.endpoint())

    def endpoint(self) -> Endpoint:
        """Return what the library logs in with; raise InputError where that can be seen to be wrong."""
        trust = Trust(pinned_pem=self.certificate or None, ca_pem=self.ca or None, legacy=self.legacy)
        network = self.migration_network or None
        return Endpoint(tuple(self.addresses), self.user, self.secret(), trust, network)

    def secret(self) -> SecretStr:
        """Return the password: this block's, or what was typed, or the environment's; else InputError."""
        if found := self.password or held.given():
            return found
        raise InputError(
            f"there is no password for user {self.user} of the pool at {self.addresses[0]}: set "
            f"{held.VARIABLE} where the flow runs, or put the password into the block. Nothing was contacted."
        )
