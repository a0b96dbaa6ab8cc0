"""How a run of ddclient went, from its exit code, its words and its cache. Pure.

The exit code alone tells nothing: it is 0 also when an update was skipped, or when the server answered with HTTP 500.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple
from urllib.parse import quote, quote_plus

from reconciler.services.ddclient.cache import Entries, status, summary
from reconciler.state.wan import Family
from reconciler.wan.publication import Outcome

_NO = {
    "badauth": "wrong user name or password",
    "badagent": "the provider does not take ddclient",
    "abuse": "blocked for abuse",
    "nohost": "the provider does not know the name",
    "notfqdn": "the provider does not take the name",
    "!yours": "the name belongs to another user",
    "!donator": "the account does not have this feature",
    "!active": "the domain is not active at the provider",
}
"""Final words of the dyndns2 protocol, which others have taken over."""

_FINAL_TEXTS = re.compile(
    r"authorization failed|passwords? do(?:es)? not match|domain name not found|unauthori[sz]ed", re.I
)
"""Final words in the output: HTTP 401, and what Namecheap says."""

_LONGEST = 300
_WORD = re.compile(r"[!a-z0-9_-]{1,20}")


class Result(NamedTuple):
    """How a sending ended. wait_until: the provider asked to be left alone until then, else 0."""

    outcome: Outcome
    text: str
    wait_until: float = 0.0


def judge(
    code: int, output: str, entries: Entries, hosts: Sequence[str], address: IPv4Address | IPv6Address, family: Family
) -> Result:
    """Judge a run that was to set `hosts` to `address`. output: without secrets, see `scrub`."""
    cached = summary(entries, hosts, family)
    if code == 0 and cached.good and cached.address == str(address):
        return Result(Outcome.GOOD, "the provider took it")
    words = {host: status(entries.get(host, {}), family) for host in hosts}
    bad = {host: word for host, word in words.items() if word in _NO}
    if bad:
        host, word = next(iter(bad.items()))
        return Result(Outcome.REFUSED, f"the provider says {word} for {host}: {_NO[word]}")
    final = _FINAL_TEXTS.search(output)
    if final:
        return Result(Outcome.REFUSED, f"the provider says: {final[0].lower()}")
    if cached.wait_until:
        return Result(Outcome.FAILED, "the provider asks to be left alone for a while", cached.wait_until)
    return Result(Outcome.FAILED, _words(code, output, words))


def _words(code: int, output: str, words: dict[str, str]) -> str:
    said = [line.partition(":")[2].strip() for line in output.splitlines() if line.startswith("FAILED:")]
    skipped = [line for line in output.splitlines() if "skipping update" in line]
    if said:
        return f"ddclient: {said[0]}"[:_LONGEST]
    if skipped:
        return "ddclient skipped it: the last update is too recent"
    told = {word for word in words.values() if _WORD.fullmatch(word) and word not in ("good", "noconnect")}
    if told:
        return f"the provider says {', '.join(sorted(told))}"
    return f"ddclient ended with exit code {code}, and the provider did not say yes"


def scrub(text: str, secrets: Sequence[str]) -> str:
    """Text without the secrets, however they are written in it, and without control characters."""
    for secret in sorted(secrets, key=len, reverse=True):
        for form in {secret, quote(secret, safe=""), quote_plus(secret), quote(secret)}:
            if form:
                text = text.replace(form, "***")
    return "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in text)
