"""The public address in one process, with the real ddclient, a provider on loopback, and a role that a test sets."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from servers import wait_until

from reconciler.config import NodeConfig
from reconciler.daemon.address.wan import WanTerm
from reconciler.demo.provider import Provider
from reconciler.effects import Effects
from reconciler.role.base import Condition, Replication, RoleReport
from reconciler.site import Site
from reconciler.state.schema import Dns
from reconciler.state.wan import Wan
from reconciler.wan.news import News

# Public by IANA's registries, and nobody's: the anycast address of 6to4 relays (RFC 7526), 6bone (RFC 3701).
OLD, NEW, OTHER = "192.88.99.10", "192.88.99.20", "192.88.99.30"
V6 = "3ffe::20"

PASSWORD = "s3cret=with,odd;signs"

ALONE = Replication(False, "StandAlone", "Primary", "Unknown", "UpToDate", "DUnknown")
TOGETHER = Replication(True, "Connected", "Primary", "Secondary", "UpToDate", "UpToDate")


class Role:
    """A role that a test sets."""

    name = "test"

    def __init__(self) -> None:
        self.primary = True
        self.replication: Replication | None = None

    def read(self) -> RoleReport:
        return RoleReport((Condition(self.primary, "the test says so"),), self.replication)


class Lab:
    """A provider and one term after another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.role = Role()
        self.provider = Provider(folder, PASSWORD)
        self.news: list[News] = []
        self.secrets = folder / "secrets"
        self.secrets.mkdir()
        (self.secrets / "provider").write_text(PASSWORD + "\n")
        self.state = folder / "state"
        self.state.mkdir()
        self.paused = ""
        self.commands: dict[str, list[str]] = {}

    def publication(self, protocol: str = "namecheap", **options: Any) -> dict[str, Any]:
        return {
            "protocol": protocol,
            "domain": "example.net",
            "names": ["@", "www"],
            "server": self.provider.server,
            "password": {"secret": "provider"},
            "confirm": [f"127.0.0.1:{self.provider.dns_port}"],
            "every": "30",
            **({"login": "ada"} if protocol == "dyndns2" else {}),
            **options,
        }

    def wan(self, **options: Any) -> Wan:
        default: dict[str, Any] = {
            "watch": [{"web": self.provider.page}],
            "every": "1",
            "settle": "0",
            "publish": [self.publication()],
        }
        return Wan.model_validate({**default, **options})

    @contextmanager
    def term(self, wan: Wan) -> Iterator[WanTerm]:
        config = NodeConfig.model_validate(
            {
                "node": "ns1",
                "repo": "/nowhere",
                "state": self.state,
                "secrets": self.secrets,
                "commands": self.commands,
                "providers": [self.provider.server],
            }
        )
        term = WanTerm(config, Effects(self.role, helper=Path("/dev/null")))
        term.paused = lambda: self.paused
        term.start()
        term.follow(Site("test", Dns(), {}, (), {}, {}, wan=wan))
        try:
            yield term
        finally:
            term.stop()
            self.news += term.news()

    def names(self, address: str) -> None:
        """What public DNS has."""
        self.provider.addresses.update({"example.net.": address, "www.example.net.": address})

    def sent(self) -> list[str]:
        """Addresses that were sent, one for each name."""
        return [address for _, address in self.provider.updates]


def address(term: WanTerm) -> dict[str, Any]:
    document = term.document()
    assert document is not None
    found: dict[str, Any] = document["addresses"][0]
    return found


def publication(term: WanTerm) -> dict[str, Any]:
    document = term.document()
    assert document is not None
    found: dict[str, Any] = document["publications"][0]
    return found


def comes_to(term: WanTerm, **wanted: object) -> None:
    """Wait until the publication's document says this."""
    wait_until(
        lambda: all(publication(term)[key] == value for key, value in wanted.items()),
        timeout=60,
        what=f"{wanted} in {publication(term)}",
    )


def says(term: WanTerm, text: str) -> None:
    wait_until(lambda: text in publication(term)["state"], timeout=60, what=f"{text!r} in {publication(term)}")


def is_published(term: WanTerm, wanted: str) -> None:
    wait_until(lambda: (publication(term)["confirmed"] or {}).get("address") == wanted, timeout=60, what=wanted)


@contextmanager
def opened(folder: Path, setenv: Callable[[str, str], None]) -> Iterator[Lab]:
    lab = Lab(folder)
    lab.provider.start()
    setenv("SSL_CERT_FILE", str(lab.provider.certificate))
    try:
        yield lab
    finally:
        lab.provider.stop()


def arguments_of_children() -> str:
    """Arguments and environment of all processes below this one, as anybody on the machine sees the former."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().decode("utf-8", "replace"))
        except OSError:
            continue
    return "\n".join(found) + str(os.getpid())
