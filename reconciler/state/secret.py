"""How the state names a secret, which never stands in it."""

from reconciler.state.strict import Strict
from reconciler.state.types import (
    Identifier,
)


class SecretRef(Strict):
    """A value that stands in the node's secrets folder, never in the repository."""

    secret: Identifier
    """Name of the file in the secrets folder of the node."""
