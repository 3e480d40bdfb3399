"""What a person sets up once in the Prefect UI."""

from blocks.dom0_ssh import Dom0SSH
from blocks.xenserver_pool import XenServerPool

__all__ = ["Dom0SSH", "XenServerPool"]
