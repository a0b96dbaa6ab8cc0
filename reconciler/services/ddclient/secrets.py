"""Secrets of publications, by name from the node's secrets folder."""

import re
from collections.abc import Sequence
from pathlib import Path

from reconciler.errors import Refused
from reconciler.services.ddclient import render
from reconciler.state.wan import Wan, WanPublish

_LONGEST = 1024

_PATH = re.compile(r"/[A-Za-z0-9/._-]+", re.ASCII)
"""ddclient gives nsupdate's key to a shell."""


def read_secrets(item: WanPublish, folder: Path, providers: Sequence[str]) -> tuple[str | None, dict[str, str]]:
    """Password (of `nsupdate` the path of its key) and other secrets. Raises Refused, never showing a content.

    providers: servers that may be told; else whoever may push could have secrets sent to a server of his own.
    A protocol's own default needs no leave.
    """
    if item.server is not None and item.server not in providers:
        raise Refused(
            f"this node's node.yaml does not have {item.server} under `providers:`, so no secret is sent there"
        )
    values = {name: _read(folder / secret.secret) for name, secret in item.secrets.items()}
    if item.password is None:
        return None, values
    path = folder / item.password.secret
    if item.protocol != "nsupdate":
        return _read(path), values
    if not _PATH.fullmatch(str(path)):
        raise Refused(f"{path} has characters that ddclient would hand to a shell; set `secrets:` to a plainer path")
    return str(path), values


def complaints(wan: Wan, folder: Path, providers: Sequence[str]) -> list[str]:
    """What on this node keeps publications from being configured."""
    found = []
    for item in wan.publish:
        try:
            password, secrets = read_secrets(item, folder, providers)
            render.configuration(item, password, secrets)
        except Refused as error:
            found.append(f"site.yaml: wan: publish: {item.domain}: {error}")
    return found


def _read(path: Path) -> str:
    try:
        with path.open(encoding="ascii") as stream:
            text = stream.read(_LONGEST).rstrip("\r\n")
    except UnicodeDecodeError:
        raise Refused(f"{path} is not plain text") from None
    except OSError as error:
        raise Refused(f"cannot read {path}: {error.strerror}; put the secret there") from None
    if not text:
        raise Refused(f"{path} is empty; put the secret there")
    return text
