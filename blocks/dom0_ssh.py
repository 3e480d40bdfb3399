"""The block that says how to ask control domains over SSH."""

from __future__ import annotations

from pydantic import Field, HttpUrl

from blocks import held, icon
from blocks.reference import OptionalSecret, StoredByReference
from blocks.xenserver_pool import XenServerPool
from xenpatch.errors import InputError
from xenpatch.ping import ping_dom0
from xenpatch.ssh import Dom0Access


class Dom0SSH(StoredByReference):
    """SSH to the control domains of a pool, to verify packages and reboots; nothing is changed over it.

    Example:
        ```python
        from blocks import Dom0SSH, XenServerPool

        ssh = Dom0SSH.load("BLOCK_NAME")
        print(ssh.ping(XenServerPool.load("POOL_BLOCK_NAME")))
        ```

    """

    _block_type_name = "XenServer Dom0 SSH"
    _block_type_slug = "dom0-ssh"
    _description = (
        "SSH to the control domains of a pool, to verify packages and reboots; nothing is changed over it."
    )
    _logo_url = icon.Served()
    _documentation_url = HttpUrl("https://docs.xenserver.com")

    user: str = Field(default="root", description="The user that logs in to each control domain.")
    password: OptionalSecret = Field(
        default=None,
        description="The user's password. With neither this nor a key, it is the pool's, if the user is.",
    )
    private_key: OptionalSecret = Field(
        default=None,
        description=(
            "Text of a private key file without a passphrase, used instead of the password; XenServer 6.x "
            "takes RSA keys only."
        ),
    )
    known_hosts: str = Field(  # required: else Prefect cannot tell a block from a reference to one
        description=(
            "The hosts' keys, one line each as in OpenSSH's known_hosts file. A host that is not listed, or "
            "shows another key, is refused before the password is sent."
        ),
    )
    port: int = Field(default=22, ge=1, le=65535, description="The SSH port of every control domain.")

    def ping(self, pool: XenServerPool) -> str:
        """Log in to each host of the pool, once it has proved its key, and say what it calls itself.

        Changes nothing. Raises InputError, what the pool's own ping raises, and SshError with a line for each
        host where one of them cannot be asked.
        """
        return ping_dom0(pool.endpoint(), self.access(pool))

    def access(self, pool: XenServerPool) -> Dom0Access:
        """Return what the library connects with; raise InputError where that can be seen to be wrong."""
        key, own = self.private_key, self.password
        if not key and not own:
            key = held.given_key()
        if not key and not own and self.user != pool.user:
            raise InputError(
                f"the password of {pool.user}, who logs in to the pool, is not that of {self.user}, who logs "
                "in over SSH: put a password or a key into the Dom0SSH block, or name a key with --ssh-key. "
                "Nothing was contacted."
            )
        return Dom0Access(
            user=self.user,
            password=own if own or key else pool.secret(),
            private_key=key or None,
            known_hosts=self.known_hosts,
            port=self.port,
        )
