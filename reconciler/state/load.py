"""Reads a state repository: every file by its own reader, all problems of a run together.

What a file says depends on its path and content alone, so results are kept by path and blob id: one changed
host makes one file be read anew.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from reconciler.dns import names
from reconciler.state import hatches, hosts, masterfile, octodns, yaml
from reconciler.state.bounds import MAX_FAULTY, MAX_GENERATED, MAX_PROBLEMS, MAX_RECORDS
from reconciler.state.hatches import HatchAllowance
from reconciler.state.model import Hatch, HostEntry, Locator, State, ZoneFile
from reconciler.state.places import FOLDERS, by_view, misplaced
from reconciler.state.problem import Position, Problem, Severity
from reconciler.state.schema import Site
from reconciler.state.text import shown
from reconciler.state.tree import Blob, Tree
from reconciler.state.validation import validate

_NOTHING_MORE = HatchAllowance()

Result = tuple[Any, tuple[Problem, ...]]
"""What a reader made of a file, and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class SiteFile:
    """site.yaml as read; no site when it has mistakes."""

    site: Site | None
    locator: Locator


@dataclass(frozen=True, slots=True)
class Loaded:
    """The state, or None when there is any error; and all that was found, in order of place."""

    state: State | None
    problems: tuple[Problem, ...]


@dataclass(slots=True)
class LoadCache:
    """Results by path, blob id and what else they depend on; those unused for `keep` loads are dropped."""

    keep: int = 4
    _load: int = 0
    _results: dict[tuple[object, ...], tuple[int, Result]] = field(default_factory=dict)

    def get(self, key: tuple[object, ...], make: Callable[[], Result]) -> Result:
        """The result for a key, made now if there is none."""
        known = self._results.get(key)
        result = known[1] if known is not None else make()
        self._results[key] = (self._load, result)
        return result

    def end_load(self) -> None:
        """Count one load, and drop what no recent one used."""
        oldest = self._load - self.keep
        self._results = {key: item for key, item in self._results.items() if item[0] > oldest}
        self._load += 1


def load(tree: Tree, *, allow: HatchAllowance = _NOTHING_MORE, cache: LoadCache | None = None) -> Loaded:
    """Read all files of a repository. Never raises for what stands in them."""
    cache = cache if cache is not None else LoadCache()
    results: dict[str, Any] = {}
    problems: list[Problem] = []
    amount = _Amount()
    for path, blob in sorted(tree.items()):
        problem = misplaced(path, blob)
        if problem is not None:
            problems.append(problem)
        elif reader := _reader(path, allow):
            key, read = reader
            results[path], mistakes = cache.get((path, blob.id, key), partial(read, blob))
            problems.extend(mistakes)
            excess = amount.excess(path, results[path], mistakes)
            if excess is not None:
                problems.append(excess)
                break
    cache.end_load()
    if "site.yaml" not in tree:
        fix = "create it; it names the site and its networks"
        problems.append(Problem(Position("site.yaml"), "site.yaml is missing", fix))
    failed = any(problem.severity is Severity.ERROR for problem in problems)
    return Loaded(None if failed else _state(results), tuple(sorted(set(problems))))


@dataclass(slots=True)
class _Amount:
    """What the files read so far hold together."""

    records: int = 0
    generated: int = 0
    faulty: int = 0

    def excess(self, path: str, result: Any, mistakes: tuple[Problem, ...]) -> Problem | None:
        """Count one more file; why no further one is to be read, if so."""
        if isinstance(result, ZoneFile):
            self.records += len(result.records)
            self.generated += result.generated
        elif isinstance(result, tuple):
            self.records += sum(map(_host_records, result))
        self.faulty += len(mistakes) >= MAX_PROBLEMS
        if self.generated > MAX_GENERATED:
            what = f"all $GENERATE up to this file together make more than {MAX_GENERATED} records"
            return Problem(Position(path), what, "a wildcard may do")
        if self.records > MAX_RECORDS:
            what = f"the files up to this one together make more than {MAX_RECORDS} records"
            return Problem(Position(path), what, "remove some")
        if self.faulty > MAX_FAULTY:
            return Problem(Position(path), f"the {self.faulty}th file full of mistakes; no further one was read")
        return None


def _host_records(entry: HostEntry) -> int:
    """The most records that a host can make: it has its aliases in every network."""
    host = entry.host
    return (len(host.ipv4) + len(host.ipv6) or 1) * (1 + len(host.aliases))


def _state(results: dict[str, Any]) -> State:
    site: SiteFile = results["site.yaml"]
    assert site.site is not None

    def below(*prefixes: str) -> list[Any]:
        return [result for path, result in results.items() if path.startswith(prefixes)]

    entries: list[tuple[HostEntry, ...]] = below("hosts.yaml", "hosts/")
    zone_files: list[ZoneFile] = below("zones/")
    return State(
        site.site,
        site.locator,
        tuple(entry for file in entries for entry in file),
        tuple(zone_files),
        tuple(below("bind.d/")),
        tuple(below("dnsmasq.d/")),
    )


def _reader(path: str, allow: HatchAllowance) -> tuple[object, Callable[[Blob], Result]] | None:
    """How to read a file, and what its result depends on besides its content; None for one that is not ours."""
    folder, slash, rest = path.partition("/")
    if path == "site.yaml":
        return None, lambda blob: _read_site(path, blob)
    if path == "hosts.yaml" or (slash and folder == "hosts" and not rest.startswith(".")):
        return None, lambda blob: _kept(hosts.read(path, blob))
    if not slash or folder not in FOLDERS or rest.startswith("."):
        return None
    view, file = by_view(folder, rest)
    if folder == "zones":
        zone = names.from_filename(file.rsplit(".", 1)[0])
        read = octodns.read if path.endswith(".yaml") else masterfile.read
        return None, lambda blob: _of_view(read(path, blob, zone), view)
    if folder == "bind.d":
        return allow.bind, lambda blob: _of_view(hatches.read_bind(path, blob, allow), view)
    return allow.dnsmasq, lambda blob: _kept(hatches.read_dnsmasq(path, blob, allow))


def _kept(result: tuple[Any, list[Problem]]) -> Result:
    return result[0], tuple(result[1])


def _of_view(result: tuple[ZoneFile | Hatch, list[Problem]], view: str) -> Result:
    return replace(result[0], view=view) if view else result[0], tuple(result[1])


def _read_site(path: str, blob: Blob) -> Result:
    document = yaml.read(path, blob)
    problems = list(document.problems)
    if document.data is None:
        if not problems:
            problems.append(Problem(Position(path), "site.yaml is empty", "begin with `version: 1` and `site: NAME`"))
        return SiteFile(None, document.locator), tuple(problems)
    site, mistakes = validate(Site, document.data, document)
    problems += mistakes
    if site is not None and isinstance(document.data, dict):
        problems += _double_zones(document)
    return SiteFile(site, document.locator), tuple(problems)


def _double_zones(document: yaml.Document) -> list[Problem]:
    """Zones that are written differently and are the same (`Example.org`, `example.org.`)."""
    zones = document.data.get("zones") if isinstance(document.data, dict) else None
    seen: dict[str, str] = {}
    problems = []
    for text in zones or ():
        first = seen.setdefault(names.parse(text), text)
        if first != text:
            what = f"zone {shown(text)} is the same as {shown(first)}"
            problems.append(Problem(document.at_key("zones", text), what, "keep one"))
    return problems
