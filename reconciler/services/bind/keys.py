"""TSIG keys (RFC 8945): the node's own, and those whose secrets lie in the node's secrets folder."""

import base64
import binascii
import hmac
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from reconciler.errors import Refused
from reconciler.services.bind.render import TsigKey, key_clause, view_key_name
from reconciler.services.bind.syntax import OWN_KEY
from reconciler.state.schema import Key

_CLAUSE = re.compile(
    r'key\s+"?(?P<name>[^"\s{;]+)"?\s*\{(?P<body>[^}]*)\}',
    re.ASCII,
)
_FIELD = re.compile(r'(algorithm|secret)\s+"?([^"\s;]+)"?\s*;', re.ASCII)

_SHORTEST = 16
"""Octets of a secret (128 bits): whoever has seen one signed message could find a shorter one by trying all."""


def new_key_text(name: str = OWN_KEY) -> str:
    """A key file with a fresh 256-bit secret, in named.conf's syntax. The file that takes it must be private."""
    secret = base64.b64encode(secrets.token_bytes(32)).decode()
    return key_clause(TsigKey(name, "hmac-sha256", secret))


def read_key_file(path: Path) -> TsigKey:
    """Read the first key clause of a key file. Raises Refused, never showing the content."""
    text = _read(path)
    clause = _CLAUSE.search(text)
    fields = dict(_FIELD.findall(clause["body"])) if clause else {}
    if clause is None or not {"algorithm", "secret"} <= fields.keys():
        raise Refused(f'{path}: no `key "NAME" {{ algorithm …; secret …; }};` found; write it again')
    return TsigKey(clause["name"], fields["algorithm"].lower(), _checked(fields["secret"], path))


def view_key(own: TsigKey, view: str) -> TsigKey:
    """The key by which a view knows this node, derived from the node's own; for no view ("") that one itself.

    named answers by view, and whoever signs with a view's key is in that view, wherever the question comes from.
    """
    if not view:
        return own
    secret = hmac.digest(base64.b64decode(own.secret), f"view {view}".encode(), "sha256")
    return TsigKey(view_key_name(view), "hmac-sha256", base64.b64encode(secret).decode())


class SiteKeys(NamedTuple):
    """The site's keys that could be read, and complaints about those that could not."""

    keys: tuple[TsigKey, ...]
    complaints: tuple[str, ...]


def site_keys(keys: Mapping[str, Key], folder: Path) -> SiteKeys:
    """Read the secrets of `keys` from files in `folder`, each a base64 text."""
    found: list[TsigKey] = []
    complaints: list[str] = []
    for name, key in sorted(keys.items()):
        if name.lower() == OWN_KEY:
            complaints.append(f"site.yaml: keys: {name!r} is the node's own key; give this one another name")
            continue
        path = folder / key.secret.secret
        try:
            found.append(TsigKey(name.lower(), key.algorithm, _checked(_read(path).strip(), path)))
        except Refused as error:
            complaints.append(f"site.yaml: keys: {name}: {error}")
    return SiteKeys(tuple(found), tuple(complaints))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except UnicodeDecodeError:
        raise Refused(f"{path} is not plain text") from None
    except OSError as error:
        raise Refused(f"cannot read {path}: {error.strerror}; put the secret there") from None


def _checked(secret: str, path: Path) -> str:
    try:
        octets = len(base64.b64decode(secret, validate=True))
    except (binascii.Error, ValueError):
        raise Refused(f"{path}: the secret is not base64; `tsig-keygen` makes one") from None
    if octets < _SHORTEST:
        raise Refused(f"{path}: the secret has less than {_SHORTEST} octets; `tsig-keygen` makes a good one")
    return secret
