"""`key` statements: those that the state can name, with their secrets apart."""

import base64
import binascii
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from reconciler.importing.bind.matching import key_name
from reconciler.importing.bind.syntax import Statement
from reconciler.importing.found import FoundKey, FoundSecret
from reconciler.services.bind.syntax import OWN_KEY
from reconciler.state.types import Identifier

_ALGORITHMS = ("hmac-sha256", "hmac-sha384", "hmac-sha512")
_IDENTIFIER: TypeAdapter[str] = TypeAdapter(Identifier)
_SHORTEST = 16
"""Octets of a secret that services.bind.keys takes."""


class TakenKey(NamedTuple):
    """A key and its secret."""

    key: FoundKey
    secret: FoundSecret


def read_key(statement: Statement) -> TakenKey | str:
    """The key, or why the state cannot have it. No text of it shows the secret."""
    name = key_name(statement.value)
    algorithm = _field(statement, "algorithm").lower()
    if name == OWN_KEY:
        return f"{OWN_KEY!r} is the name of the node's own key; give this one another name"
    if not is_identifier(name):
        return "its name is no plain name (letters, digits, dots, hyphens, underscores)"
    if algorithm not in _ALGORITHMS:
        known = ", ".join(_ALGORITHMS)
        return f"algorithm {algorithm or 'missing'} is not supported ({known} are); make a new key with tsig-keygen"
    secret = "".join(_field(statement, "secret").split())
    try:
        octets = len(base64.b64decode(secret, validate=True))
    except (binascii.Error, ValueError):
        return "its secret is not base64; make a new key with tsig-keygen"
    if octets < _SHORTEST:
        return f"its secret has less than {_SHORTEST} octets; make a new key with tsig-keygen"
    return TakenKey(FoundKey(name, algorithm), FoundSecret(name, secret))


def is_identifier(name: str) -> bool:
    """Whether the state takes it as the name of a key, a secret or a view."""
    try:
        _IDENTIFIER.validate_python(name)
    except ValidationError:
        return False
    return True


def _field(statement: Statement, name: str) -> str:
    found = statement.get(name)
    return found.value if found else ""
