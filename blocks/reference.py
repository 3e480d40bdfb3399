"""How our blocks are written down in a flow run, so that its retry gets them back whole."""

from __future__ import annotations

from abc import ABC
from typing import Annotated, Any

from prefect.blocks.core import Block
from pydantic import (
    AfterValidator,
    SecretStr,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    model_serializer,
)


class StoredByReference(Block, ABC):
    """A block that a flow run's parameters name, once it is saved, instead of copying it.

    Prefect's own way writes a copy with masked secrets into the run, and a retry would log in with the mask.
    A block that was never saved is still copied: give it no secrets.
    """

    @model_serializer(mode="wrap")
    def ser_model(self, handler: SerializerFunctionWrapHandler, info: SerializationInfo) -> Any:
        """Write a reference, as the UI does; with a context, Prefect saves the block itself."""
        if not info.context and self._block_document_id is not None:
            return {"$ref": {"block_document_id": str(self._block_document_id)}}
        return super().ser_model(handler, info)


def _refuse_mask(secret: SecretStr | None) -> SecretStr | None:
    shown = secret.get_secret_value() if secret is not None else ""
    if shown and not shown.strip("*"):
        raise ValueError(
            "this is the mask that Prefect shows in place of a secret; save the block and name it, or leave "
            "the secret out"
        )
    return secret


OptionalSecret = Annotated[SecretStr | None, AfterValidator(_refuse_mask)]
