"""Makes the draft right: what the state's own checks refuse, or what would be served otherwise than before, is undone.

Each round takes something out (a host becomes plain records, a record or a setting is left), so that there is an end.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.build import build
from reconciler.dns.records import Key
from reconciler.errors import Refused
from reconciler.importing.compare import Comparison
from reconciler.importing.draft import HATCH, Draft, HatchLine
from reconciler.importing.found import INHERIT, Fate, FoundDhcp, FoundRecord, FoundZone
from reconciler.importing.ledger import Ledger
from reconciler.importing.people import Person
from reconciler.site import Site
from reconciler.state import yaml
from reconciler.state.hatches import HatchAllowance
from reconciler.state.load import LoadCache, load
from reconciler.state.problem import Problem, Severity
from reconciler.state.tree import Blob, Tree

_ROUNDS = 60
_SHOWN = 10
_REMOVED = "#"

Progress = Callable[[str], None]


@dataclass(slots=True)
class Settled:
    """The files, the site that they make, warnings of its checks, and what differs from before, as sentences.

    additions: keys that the site has and named had not, because dnsmasq told of them, by zone.
    """

    files: Mapping[str, bytes]
    site: Site
    warnings: tuple[Problem, ...]
    differences: tuple[str, ...]
    additions: Mapping[str, frozenset[Key]]


def tree_of(files: Mapping[str, bytes]) -> Tree:
    """Files as the loader takes them."""
    return {path: Blob(hashlib.sha256(data).hexdigest(), data) for path, data in files.items()}


def settle(
    draft: Draft, zones: Mapping[tuple[str, str], FoundZone], dhcp: FoundDhcp, ledger: Ledger, progress: Progress
) -> Settled:
    """Check, undo, and check again. Raises Refused where what is wrong cannot be told from what is right."""
    return _Settling(draft, zones, dhcp, ledger).run(progress)


@dataclass(slots=True)
class _Settling:
    draft: Draft
    zones: Mapping[tuple[str, str], FoundZone]
    dhcp: FoundDhcp
    ledger: Ledger
    cache: LoadCache = field(default_factory=LoadCache)
    files: Mapping[str, bytes] = field(default_factory=dict)
    entries: dict[str, list[tuple[int, str | int]]] = field(default_factory=dict)
    """Of each file of hosts that was looked into in this round: first lines and keys."""
    gone: set[tuple[str, str, str, str]] = field(default_factory=set)
    """Records that could not be taken: (view, owner, type, data)."""

    def run(self, progress: Progress) -> Settled:
        for count in range(1, _ROUNDS + 1):
            progress(f"checking the state, round {count}")
            self.draft.hatch = [line for line in self.draft.hatch if line.text != _REMOVED]
            self.files = files = self.draft.files()
            self.entries.clear()
            site, problems = self._build(files)
            errors = [problem for problem in problems if problem.severity is Severity.ERROR]
            if site is None:
                undone = [self._undo(problem) for problem in errors]
                if not any(undone):
                    raise Refused(_told(errors))
                continue
            comparison = Comparison(self.draft, self.zones, self.gone)
            additions = comparison.additions(site)
            blamed, differences = comparison.compare(site, additions)
            if blamed:
                for person in blamed:
                    self._demote(person, "as a host it would be served otherwise than before")
                continue
            warnings = tuple(problem for problem in problems if problem.severity is Severity.WARNING)
            return Settled(files, site, warnings, tuple(differences), additions)
        raise Refused(f"the state that was made has mistakes still after {_ROUNDS} rounds; please report this")

    def _build(self, files: Mapping[str, bytes]) -> tuple[Site | None, tuple[Problem, ...]]:
        loaded = load(tree_of(files), allow=HatchAllowance(), cache=self.cache)
        if loaded.state is None:
            return None, loaded.problems
        built = build(loaded.state)
        return built.site, (*loaded.problems, *built.problems)

    def _undo(self, problem: Problem) -> bool:
        path, line = problem.where.path, problem.where.line
        if path in self.draft.hosts_by_file:
            return self._undo_host(path, line, problem.what)
        if path in self.draft.lines_of_zones:
            return self._undo_record(path, line, problem.what)
        if path == HATCH:
            return self._undo_hatch(line, problem.what)
        if path.startswith("bind.d/"):
            self.ledger.guess(f"{path} was left out: {problem.what}")
            return self.draft.bind_hatches.pop(path.removeprefix("bind.d/"), None) is not None
        return path == "site.yaml" and self._undo_setting(problem)

    def _undo_host(self, path: str, line: int, what: str) -> bool:
        """The host whose entry holds the line."""
        if path not in self.entries:
            text = self.files[path]
            document = yaml.read(path, Blob("", text), limit=len(text) + 1)
            self.entries[path] = sorted((place[0], keys[0]) for keys, place in document.keys.items() if len(keys) == 1)
        places = self.entries[path]
        index = bisect_right(places, line, key=lambda place: place[0]) - 1
        key = places[index][1] if index >= 0 else None
        person = self.draft.hosts_by_file[path].get(str(key))
        return person is not None and self._demote(person, what)

    def _demote(self, person: Person, why: str) -> bool:
        """Plain records in place of a host; its reservations go into the hatch as they are."""
        if self.draft.hosts.pop(person.name, None) is None:
            return False
        served = {(owner, rtype) for owner, rtype, _ in person.served}
        place = next(iter(person.places), ("", 0))
        for owner in (person.name, *person.aliases):
            for address in person.addresses:
                rtype = "A" if address.version == 4 else "AAAA"
                if (
                    (owner, rtype) not in served
                    and (owner, "CNAME") not in served
                    and (person.extra or owner != person.name)
                ):
                    self.draft.add(FoundRecord(owner, INHERIT, rtype, str(address), *place))
        for path, number in person.places:
            self.ledger.mark(path, number, Fate.TAKEN, f"plain records: {why}")
        for item in person.reservations:
            self.draft.hatch.append(HatchLine(self.dhcp.raw[item.path, item.number], item.path, item.number))
            self.ledger.mark(item.path, item.number, Fate.HATCH, why)
        return True

    def _undo_record(self, path: str, line: int, what: str) -> bool:
        lines = self.draft.lines_of_zones[path]
        record = lines[line - 1] if line <= len(lines) else None
        draft = next(item for item in self.draft.zones if item.path == path)
        if record is not None and record in draft.records:
            draft.records.remove(record)
            self.gone.add((draft.view, record.owner, record.rtype, record.rdata))
            text = f"{record.owner} {record.rtype} {record.rdata}"
            fate = Fate.HATCH if self._to_hatch(record) else Fate.LEFT
            self.ledger.mark(record.path, record.number, fate, what, text)
            return True
        if record is None and draft.soa is not None:
            self.ledger.guess(f"the SOA values of {draft.name} are the reconciler's own: {what}")
            draft.soa = None
            return True
        return False

    def _to_hatch(self, record: FoundRecord) -> bool:
        """Of a directive of dnsmasq the line itself may do, such as a `cname=` of a name that only a lease has."""
        raw = self.dhcp.raw.get((record.path, record.number))
        if raw is None:
            return False
        line = HatchLine(raw, record.path, record.number)
        if line not in self.draft.hatch:
            self.draft.hatch.append(line)
        return True

    def _undo_hatch(self, line: int, what: str) -> bool:
        if line > len(self.draft.hatch) or self.draft.hatch[line - 1].text == _REMOVED:
            return False
        item = self.draft.hatch[line - 1]
        # A comment holds the place, so that the numbers of further problems stay true.
        self.draft.hatch[line - 1] = item._replace(text=_REMOVED)
        self.ledger.mark(item.path, item.number, Fate.LEFT, what)
        return True

    def _undo_setting(self, problem: Problem) -> bool:
        """Take the setting out that a problem is about, the smallest one."""
        text = self.files["site.yaml"]
        document = yaml.read("site.yaml", Blob("", text))
        at = (problem.where.line, problem.where.column)
        known = [
            keys for keys, place in (*document.locator.places.items(), *document.keys.items()) if place == at and keys
        ]
        if not known or known[0][0] in ("version", "site"):
            return False
        keys = max(known, key=len)
        holder: Any = self.draft.site
        try:
            for key in keys[:-1]:
                holder = holder[key]
            del holder[keys[-1]]
        except (KeyError, IndexError, TypeError):
            return False
        self.ledger.guess(f"{'.'.join(map(str, keys))} was left out of site.yaml: {problem.what}")
        return True


def _told(errors: list[Problem]) -> str:
    shown = "\n".join(f"  {problem}" for problem in errors[:_SHOWN])
    more = f"\n  … and {len(errors) - _SHOWN} more" if len(errors) > _SHOWN else ""
    return f"nothing was written: the state that was made of these files has mistakes\n{shown}{more}"
