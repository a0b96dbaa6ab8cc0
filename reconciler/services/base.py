"""The protocol that every managed server's folder fulfils, and its values."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from reconciler.deployed import Deployed, DeployedZone
from reconciler.effects import Effects
from reconciler.site import Site

Say = Callable[[str], None]
"""Takes one line of progress for a person."""


@dataclass(frozen=True, slots=True)
class File:
    """One rendered file. A secret one is never shown nor audited."""

    content: bytes
    secret: bool = False
    mode: int = 0o640

    @property
    def digest(self) -> str:
        """SHA-256 of the content."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference between what was deployed and what the server has, not made by us.

    change: "+" for a record or file that appeared, "-" for one that is gone. text: the record as a line. lost: a whole
    zone gives no answer any more; it is served anew whatever its policy for drift is.
    """

    place: str
    change: str
    text: str
    healed: bool = False
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a service's commit did.

    zones: the service's part of the new manifest, zones that did not change included (empty for a service
    that keeps none). files: likewise, with keys SERVICE/PATH. actions: what was done, for a person ("rndc reload
    example.org", "restart dnsmasq").
    """

    zones: Mapping[str, DeployedZone] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    actions: tuple[str, ...] = ()
    drift: tuple[Drift, ...] = ()


class Staged(Protocol):
    """A change that lies ready beside its targets. Nothing is served yet.

    pending: the zones that commit will change, with the serials chosen for them; written to disk before commit, so that
    a crash in the middle can be told apart from changes made by others.
    """

    @property
    def pending(self) -> Mapping[str, DeployedZone]:
        """Zones by name, as they will be."""
        ...

    @property
    def first(self) -> bool:
        """Whether it goes before the other servers: it gives up what one of them takes, an interface say."""
        ...

    def commit(self, say: Say) -> Outcome:
        """Swap, reload and verify. On failure put the last good state back and raise ApplyFailed or Temporary."""
        ...

    def undo(self, say: Say) -> Outcome:
        """After a commit that went well: put the state from before it back, because another service failed."""
        ...

    def discard(self) -> None:
        """Remove what was staged and not committed."""
        ...


class Service(Protocol):
    """One managed server."""

    name: str

    def files(self, site: Site) -> Mapping[str, File]:
        """What is rendered for `site` beside zone files, by path inside the service's folder. Pure but for secrets."""
        ...

    def check(self, site: Site, deployed: Deployed) -> list[str]:
        """Run the server's own checkers on scratch copies; return complaints, each naming the checker.

        No effect on the server nor on its files. Results are remembered by content.
        """
        ...

    def stage(self, site: Site, deployed: Deployed, effects: Effects) -> Staged | None:
        """Lay ready what differs from `deployed`; None when nothing does.

        Raises Refused on a checker's complaint, Temporary when the server cannot be asked.
        """
        ...

    def unreached(self) -> str:
        """That the server does not answer, as a sentence; "" when it does, or is not one to ask. Any thread may."""
        ...

    def flush(self, effects: Effects) -> None:
        """Before this node gives its role away: have the server write down what it keeps in memory or a journal.

        Raises Temporary when the server cannot be asked.
        """
        ...

    def recover(self, deployed: Deployed, effects: Effects, say: Say) -> None:
        """After a crash: leave no zone frozen and no staged file lying about. Called before the first apply."""
        ...

    def drift(self, site: Site, deployed: Deployed, effects: Effects) -> tuple[Drift, ...]:
        """What somebody else changed on the server or in its files. Cheap when nothing did."""
        ...
