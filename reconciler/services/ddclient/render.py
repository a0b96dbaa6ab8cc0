"""ddclient's configuration for one publication, as ddclient 3.10 to 4 read it. Pure.

One option a line: these are defaults of the last line, which has the names. Blanks, quotes, `\\`, `#` and `,` have a
meaning there that depends on the place, so no value may have any of them; passwords stand between single quotes.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.checks.wan import PLAIN, SPECIAL
from reconciler.dns import names
from reconciler.errors import Refused
from reconciler.state.wan import WanPublish

_RELATIVE = frozenset({"namecheap"})
"""Protocols that are told a name without its domain, and the domain as login."""

_PASSWORD = frozenset("'")
_PASSWORD_IN_URL = frozenset("'&#%+")
"""Of a password that ddclient puts into an address as it is: these would end it there, or become something else."""
_SECRET = SPECIAL - {"="}


@dataclass(frozen=True, slots=True)
class Configuration:
    """A configuration file, its names as ddclient knows them, and what stands in it that nobody may see."""

    content: bytes
    hosts: tuple[str, ...]
    secrets: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the content. It tells of the secrets in it, so it is as secret as they are."""
        return hashlib.sha256(self.content).hexdigest()


def identity(item: WanPublish) -> str:
    """What tells a publication from all others, fit for a file's name."""
    return f"{names.filename(item.domain)}.{item.protocol}.{item.family}"


def full_names(item: WanPublish) -> tuple[str, ...]:
    """The published names as absolute domain names."""
    return tuple(names.parse(name, item.domain) for name in item.names)


def configuration(item: WanPublish, password: str | None, secrets: Mapping[str, str]) -> Configuration:
    """Write the configuration. Raises Refused for a secret that does not fit.

    password: of `nsupdate` the path of the key. secrets: values of `item.secrets`.
    """
    hosts = tuple(item.ids.get(name) or _host(item, name) for name in item.names)
    login = item.login or (item.domain.rstrip(".") if item.protocol in _RELATIVE else None)
    plain = {
        "protocol": item.protocol,
        "ssl": "yes" if item.tls else "no",
        "server": item.server,
        "login": login,
        "zone": item.zone.rstrip(".") if item.zone else None,
        "ttl": str(item.ttl) if item.ttl is not None else None,
        **item.options,
    }
    lines = [f"{key}={_fit(key, value, SPECIAL)}" for key, value in plain.items() if value is not None]
    lines += [f"{key}={_fit(key, value, _SECRET)}" for key, value in secrets.items()]
    if password is not None:
        special = _PASSWORD_IN_URL if item.protocol in _RELATIVE else _PASSWORD
        lines.append(f"password='{_fit('password', password, special)}'")
    lines.append(",".join(_fit("names", host, SPECIAL) for host in hosts))
    hidden = (*secrets.values(), *((password,) if password and item.protocol != "nsupdate" else ()))
    return Configuration("".join(f"{line}\n" for line in lines).encode("ascii"), hosts, hidden)


def _host(item: WanPublish, name: str) -> str:
    return name if item.protocol in _RELATIVE else names.parse(name, item.domain).rstrip(".")


def _fit(key: str, value: str, special: frozenset[str]) -> str:
    """The value, which is never shown. Raises Refused where it could be read as something else."""
    if not PLAIN.fullmatch(value) or special & set(value):
        raise Refused(f"{key}: has a blank, a letter beyond ASCII, or one of {' '.join(sorted(special))}")
    return value
