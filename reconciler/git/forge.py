"""An upstream's address: which ones are taken, and how it and git's words about it are shown. Pure."""

import re
from urllib.parse import unquote, urlsplit

PROTOCOLS = ("file", "git", "https", "ssh")
"""What git may speak; above all not `ext`, which runs any program (git-remote-ext(1))."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_USERINFO = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^\s/@]*@")
_LONGEST = 400


def fault(url: str) -> str:
    """Why git is not to be given this address, "" where it may be."""
    scheme = _SCHEME.match(url)
    if url.startswith("-") or not url.isprintable() or " " in url:
        return "an address must not begin with a hyphen nor have blanks or control characters in it"
    if re.match(r"[A-Za-z0-9+.-]+::", url):
        return "remote helpers (`helper::address`) can run any program, so they are not taken"
    if scheme and scheme[1] not in PROTOCOLS:
        return f"{scheme[1]}:// is not one of {', '.join(PROTOCOLS)}"
    if not scheme and not url.startswith("/") and ":" not in url:
        return "neither an address (`ssh://`, `https://`, `user@host:path`) nor an absolute path"
    return ""


def shown(url: str) -> str:
    """The address without what may be a secret: user and password, query; the user of ssh stays."""
    if not _SCHEME.match(url):
        return url
    bare = url.partition("#")[0].partition("?")[0]
    scheme, _, rest = bare.partition("://")
    place, slash, path = rest.partition("/")
    user, at, host = place.rpartition("@")
    keep = f"{user.partition(':')[0]}@" if at and scheme == "ssh" else ""
    return f"{scheme}://{keep}{host}{slash}{path}"


def scrub(text: str, url: str) -> str:
    """What git said, in one line that can be shown to anybody: no credentials, no control characters, not too long."""
    text = text.replace(url, shown(url))
    for secret in _secrets(url):
        text = text.replace(secret, "***")
    text = _USERINFO.sub(r"\1", text)
    lines = (" ".join("".join(c if c.isprintable() else " " for c in line).split()) for line in text.splitlines())
    line = "; ".join(line for line in lines if line)
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} …"


def _secrets(url: str) -> list[str]:
    """Password, and what stands in a user's place over https, as written and as meant; long ones first."""
    if not _SCHEME.match(url):
        return []
    try:
        parts = urlsplit(url)
    except ValueError:
        return []
    found = {parts.password, parts.query, parts.username if parts.scheme != "ssh" else None}
    written = {secret for secret in found if secret}
    return sorted({*written, *map(unquote, written)}, key=len, reverse=True)
