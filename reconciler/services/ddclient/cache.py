"""ddclient's cache: what it believes to have published. Pure.

Lines of `key=value,key=value NAME`; values of 3.10 are `ip` and `status`, of 4 `ipv4`, `status-ipv4` and so on. It is
written in place, so it may be cut; a provider's words stand in it, so it is not trusted beyond what is read here.
"""

from collections.abc import Mapping, Sequence

from reconciler.state.wan import Family
from reconciler.wan.publication import Cached

_LIMIT = 1 << 20

_NO_TIME = 1e8

_KEYS = {Family.IPV4: (("v4", "-ipv4"), ("", "")), Family.IPV6: (("v6", "-ipv6"), ("", ""))}

Entries = Mapping[str, Mapping[str, str]]
"""Values by key, by name."""


def parse(data: bytes) -> Entries:
    """All entries that are whole."""
    found: dict[str, dict[str, str]] = {}
    for line in data[:_LIMIT].decode("utf-8", "replace").splitlines():
        if line.startswith("#"):
            continue
        values, _, host = line.rpartition(" ")
        pairs = (part.partition("=") for part in values.split(",") if "=" in part)
        if host and values:
            found[host] = {key: value for key, _, value in pairs}
    return found


def summary(entries: Entries, hosts: Sequence[str], family: Family) -> Cached:
    """What the cache says of these names together."""
    known = [entries[host] for host in hosts if host in entries]
    whole = len(known) == len(hosts)
    told = {_pair(entry, family) for entry in known}
    addresses = {address for address, _ in told}
    return Cached(
        address=addresses.pop() if whole and len(addresses) == 1 else "",
        good=whole and all(word == "good" for _, word in told),
        changed=max((_time(entry.get("mtime")) for entry in known), default=0.0),
        wait_until=max((_time(entry.get("wtime")) for entry in known), default=0.0),
    )


def status(entry: Mapping[str, str], family: Family) -> str:
    """The provider's last word on one name; `noconnect` while there was none, "" where the cache does not know."""
    return _pair(entry, family)[1]


def _pair(entry: Mapping[str, str], family: Family) -> tuple[str, str]:
    """Address and status. Which of the two pairs of keys a protocol fills in depends on it and on the release."""
    pairs = [(entry.get(f"ip{end}", ""), entry.get(f"status{dash}", "")) for end, dash in _KEYS[family]]
    return max(pairs, key=lambda pair: (pair[1] == "good", pair[1] not in ("", "noconnect"), bool(pair[1])))


def _time(text: str | None) -> float:
    """Unix time; 0 for none. 3.10 makes 30 of a wtime that is not set."""
    moment = float(text) if text and text.isascii() and text.isdigit() and len(text) < 15 else 0.0
    return moment if moment > _NO_TIME else 0.0
