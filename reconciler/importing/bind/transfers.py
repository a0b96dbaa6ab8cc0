"""Who may copy a zone, and who is told of a change: `allow-transfer`, `also-notify`, `notify`, `allow-query`."""

from typing import NamedTuple

from reconciler.importing.bind.matching import Match
from reconciler.importing.bind.syntax import Statement, plain

_LOCAL = ("localhost", "localnets")


class Peers(NamedTuple):
    """Addresses and names of keys, and what of the statement was left."""

    peers: tuple[str, ...] = ()
    troubles: tuple[str, ...] = ()


def transfer_to(statement: Statement, match: Match, keys: frozenset[str]) -> Peers:
    """`allow-transfer`. keys: those that were taken."""
    troubles = []
    if "any" in match.said:
        troubles.append("everybody could copy this zone; name its secondaries")
    if local := [word for word in match.said if word in _LOCAL]:
        troubles.append(f"{', '.join(local)} cannot be named as a secondary")
    if prefixes := [word for word in match.said if "/" in word]:
        troubles.append(f"{', '.join(prefixes[:4])}: a secondary is named by its address")
    if len(statement.words) > 1:
        troubles.append("a port or transport cannot be said")
    peers = [word for word in match.said if word not in (*_LOCAL, "any", *prefixes)]
    if match.keys and not peers:
        troubles.append("name the address of who has the key")
    return _with_keys(peers, troubles, match, keys)


def notify(statement: Statement, match: Match, keys: frozenset[str]) -> Peers:
    """`also-notify`."""
    return _with_keys([word for word in match.said if word not in (*_LOCAL, "any", "none")], [], match, keys)


def _with_keys(peers: list[str], troubles: list[str], match: Match, keys: frozenset[str]) -> Peers:
    troubles += [f"key {plain(key)} was not taken" for key in match.keys if key not in keys]
    if match.unsaid:
        troubles.append(f"{', '.join(match.unsaid[:4])} cannot be said")
    return Peers((*peers, *(key for key in match.keys if key in keys)), tuple(troubles))


def notify_note(statement: Statement) -> str:
    """What becomes of `notify`; "" where nothing has to be said."""
    if statement.value.lower() in ("yes", "true", "1", "primary-only", "master-only"):
        return "named told the servers in the zone's NS records; name them as secondaries"
    return ""


def query_note(match: Match) -> str:
    """What becomes of `allow-query` in a zone; "" where everybody may ask, as without it."""
    return "" if match.anyone else "who may ask is for views and named's own options to say, not for a zone"
