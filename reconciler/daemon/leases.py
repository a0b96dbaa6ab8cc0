"""The leases as observed: read from the DHCP server's file, named, and remembered across restarts.

A file that is gone, cut, of another format or unreadable never means that everybody has left: what was in force stays
until its own time is over.
"""

import json
import logging
import re
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol

from reconciler.audit.leases import KEEP_MONTHS, LeaseHistory
from reconciler.config import LeaseSettings
from reconciler.daemon.leasefiles import LeaseFiles
from reconciler.daemon.slaac import OwnAddresses
from reconciler.dns.reverse import Address, Network
from reconciler.effects import Effects
from reconciler.errors import NotPrimary, ReconcilerError, words
from reconciler.join import LeaseRecords
from reconciler.leases import changes, notes, policy
from reconciler.leases.contest import Holders
from reconciler.leases.lease import Lease
from reconciler.leases.memory import MEMORY, describe, lease_of
from reconciler.leases.namer import Namer
from reconciler.leases.records import LeaseRecord
from reconciler.plan import Plan
from reconciler.services.dnsmasq.isolate import instance, isolated
from reconciler.services.dnsmasq.render import RESERVATIONS
from reconciler.site import Site, SiteZone
from reconciler.watch.read_stable import Unreadable, read_stable

log = logging.getLogger(__name__)

_DAY = 86400.0
_RENEWALS = 300.0
"""Seconds after which renewals alone are worth remembering: after a power cut leases are taken up from there."""
_RESERVATIONS = re.compile(rf"{instance(None)}(?:@[^/]+)?/{RESERVATIONS}/(.+)\.conf")


class Watch(Protocol):
    """Tells of changes, from a thread of its own."""

    @property
    def problem(self) -> str | None:
        """Why it cannot at present, as a sentence; None when all is well."""
        ...


@dataclass(frozen=True, slots=True)
class Observed:
    """Leases in force by address, their records by zone and their names, and what could not be read or named.

    ends: when the next of them ends, Unix time.
    """

    leases: Mapping[Address, Lease] = field(default_factory=dict)
    records: LeaseRecords = field(default_factory=dict)
    names: Mapping[Address, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    ends: int | None = None


class Leases:
    """Looks at the leases. Not for use by two threads at once.

    further: lease files of isolated networks' own servers, with the network. They are not there before the first lease.
    """

    def __init__(
        self, settings: LeaseSettings, state: Path, history: LeaseHistory, further: Mapping[Path, str] | None = None
    ) -> None:
        self.observed = Observed()
        """What is served; status and questions are answered from it."""
        self.since: Mapping[Address, int] = {}
        """When each lease in force was first seen, Unix time."""
        self.own = OwnAddresses()
        """What hosts chose by themselves."""
        self.watches: list[Watch] = []
        """What tells of changes; for their problems."""
        self._settings = settings
        self._history = history
        self._files = LeaseFiles(settings, further or {})
        self._looked = Observed()
        self._networks: tuple[policy.LeaseNetwork, ...] = ()
        self._settled = Observed()
        self._pruned_at = 0.0
        self._remembered_at = 0.0
        self._renewed = False
        self._memory = state / MEMORY
        self._known: dict[Address, Lease] = {}
        self._trouble: tuple[str, ...] = ()
        self._holders: Holders | None = None
        self._candidates: Holders = {}
        """Who holds names for the site that was looked at last; they are the holders once it is served."""
        self._naming: tuple[Site, Namer] | None = None
        self._statics: tuple[Site, policy.Statics, tuple[policy.LeaseNetwork, ...]] | None = None

    def look(self, site: Site) -> Observed:
        """Read what changed, drop what has ended, and name the rest for `site` (as the state says it)."""
        now = time.time()
        self._recall()
        known = self._files.read(self._known, site)
        if known is not None:
            self._known, self._trouble = known, self._files.trouble
        current = changes.current(self._known, now)
        statics, networks = self._policy(site)
        if own := changes.by_address(self.own.look(networks, statics, current, now)):
            current = {**current, **own}
        assert self._holders is not None
        named = self._namer(site).name(current, self._told(), self._holders)
        self._candidates = named.holders
        ends = changes.next_expiry(current.values(), now)
        self._looked = Observed(current, named.records, named.published, named.reports, ends)
        return self._looked

    def records(self, site: Site) -> LeaseRecords:
        """The records of what is in force; see `look`."""
        return self.look(site).records

    @property
    def networks(self) -> tuple[tuple[str, tuple[Network, ...]], ...]:
        """Names and prefixes of the networks of the site that is served."""
        return tuple((each.name, each.prefixes) for each in self._networks)

    @property
    def ends(self) -> float | None:
        """When the next lease ends, Unix time."""
        return self._looked.ends

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps leases from being noticed, read or named. Any thread may ask."""
        watches = (watch.problem for watch in self.watches)
        noticed = (problem for problem in watches if problem is not None)
        return (*noticed, *self._trouble, *self.observed.problems)

    def remarks(self, old: Site | None, new: Site, plan: Plan) -> tuple[str, ...]:
        """What leases do to this plan from `old` (None: not known) to `new`, the site that was looked at last."""
        if plan.empty or plan.only_leases:
            return ()
        now = time.time()
        networks = {found[1] for _, path in plan.files if (found := _RESERVATIONS.fullmatch(path))}
        standing = notes.Standing(self._looked.leases, self._holders or {}, now, partial(_clock, now))
        return notes.notes(old, new, networks, self._policy(new)[0], standing)

    def release(self, address: Address) -> None:
        """The DHCP server says that this lease was given back. One that the file still shows is taken up again."""
        self._known = {known: lease for known, lease in self._known.items() if known != address}
        self._files.forget()

    def settle(self, effects: Effects) -> None:
        """After a pass that brought the servers to what was observed: put it on record, and remember it.

        A record that cannot be written is told in the log; the names are served all the same, and the next one
        catches up.
        """
        before, after = self._settled, self._looked
        self.observed = after
        self._holders = self._candidates
        if self._statics is not None:
            self._networks = self._statics[2]
            self.own.settle(self._networks)
        changed = changes.diff(before.leases, after.leases)
        self._renewed = self._renewed or bool(changed.renewed)
        renewed = self._renewed and abs(time.time() - self._remembered_at) > _RENEWALS
        if changed or renewed or before.names != after.names:
            self._note_since(changed)
            try:
                self._history.record(before.leases, after.leases, names=after.names, when=int(time.time()))
                self._remember(effects)
            except NotPrimary:
                raise
            except (ReconcilerError, OSError) as error:
                log.error("the history of leases could not be written: %s", words(error))
        self._settled = after
        if time.time() - self._pruned_at > _DAY:
            self._pruned_at = time.time()
            for month in self._history.prune(KEEP_MONTHS, int(self._pruned_at)):
                log.info("history of leases of %s deleted after %d months", month, KEEP_MONTHS)

    def _note_since(self, changed: changes.LeaseChanges) -> None:
        since = dict(self.since)
        for lease in changed.removed:
            since.pop(lease.address, None)
        for lease in changed.added:
            since.setdefault(lease.address, int(time.time()))
        self.since = since

    def _remember(self, effects: Effects) -> None:
        """Keep leases and holders of names on the disk that all nodes share."""
        own = self.own.kept
        document = {
            "holders": dict(self._holders or {}),
            "leases": [describe(lease) for address, lease in self.observed.leases.items() if address not in own],
            "own": [describe(lease) for address, lease in self.observed.leases.items() if address in own],
            "server_duids": self._files.duids,
            "since": {str(address): moment for address, moment in self.since.items()},
        }
        effects.replace(self._memory, json.dumps(document).encode())
        self._remembered_at, self._renewed = time.time(), False

    def _policy(self, site: Site) -> tuple[policy.Statics, tuple[policy.LeaseNetwork, ...]]:
        if self._statics is None or self._statics[0] is not site:
            self._statics = (site, policy.statics(site, site.nodes), policy.lease_networks(site))
        return self._statics[1:]

    def _namer(self, site: Site) -> Namer:
        if self._naming is None or self._naming[0] is not site:
            statics, networks = self._policy(site)
            zones = site.inside if site.dns.authoritative == "bind" else None
            self._naming = (site, Namer(networks, statics, partial(_served, zones, isolated(site))))
        return self._naming[1]

    def _told(self) -> dict[str, str]:
        """MAC address by DUID, as the dhcp-script keeps them beside the lease file."""
        path = self._settings.files[0].with_name(f"{self._settings.files[0].name}.macs")
        try:
            reading = read_stable(path)
        except Unreadable as error:
            self._trouble = (*self._trouble, str(error))
            return {}
        lines = reading.data.decode("ascii", "replace").splitlines() if reading else []
        return dict(line.split(" ", 1) for line in lines if line.count(" ") == 1)

    def _recall(self) -> None:
        if self._holders is None:
            self._holders = {}
            try:
                document = json.loads(self._memory.read_bytes())
                self._holders = {str(name): str(holder) for name, holder in document["holders"].items()}
                self._known = changes.by_address(lease_of(item) for item in document["leases"])
                self._files.duids = dict(document.get("server_duids", {}))
                own = changes.by_address(lease_of(item) for item in document.get("own", ()))
                self.own.recall(own.values())
                self._settled = Observed({**self._known, **own})
                self.since = {ip_address(text): int(moment) for text, moment in document["since"].items()}
            except FileNotFoundError:
                pass
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                self._trouble = (f"{self._memory} cannot be used ({error}); names may change hands once",)


def _served(zones: Mapping[str, SiteZone] | None, apart: Collection[str], record: LeaseRecord) -> bool:
    """Whether it is for us to publish: BIND takes it where the zone is dynamic; dnsmasq alone lacks IPv6 only.

    And leases of isolated networks (`apart`): the dnsmasq that others ask for their names does not hand them out.
    zones: those of BIND, None without it.
    """
    if zones is not None:
        return zones[record.zone].dynamic
    return record.rtype == "AAAA" or record.owner.endswith(".ip6.arpa.") or record.network in apart


def _clock(now: float, moment: int) -> str:
    """A time for a person, local; with its date where it is not within a day."""
    try:
        return time.strftime("%H:%M" if abs(moment - now) < _DAY else "%Y-%m-%d %H:%M", time.localtime(moment))
    except (OverflowError, ValueError, OSError):
        return f"@{moment}"
