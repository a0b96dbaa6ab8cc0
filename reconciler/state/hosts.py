"""hosts.yaml and hosts/*.yaml: a mapping of host names to what is known of each host."""

import contextlib

from reconciler.dns import names
from reconciler.errors import BadName
from reconciler.state import yaml
from reconciler.state.bounds import Enough, Problems
from reconciler.state.model import HostEntry
from reconciler.state.problem import Problem
from reconciler.state.schema import Host
from reconciler.state.text import MEBIBYTE, shown
from reconciler.state.tree import Blob
from reconciler.state.validation import found, validate

LIMIT = 32 * MEBIBYTE


def read(path: str, blob: Blob) -> tuple[tuple[HostEntry, ...], list[Problem]]:
    """The hosts of one file, as far as they are right. All that is wrong comes back as problems."""
    document = yaml.read(path, blob, limit=LIMIT)
    problems = Problems(document.problems)
    data = document.data
    if data is None:
        return (), problems
    if not isinstance(data, dict):
        what = f"expected host names with what is known of them, found {found(data)}"
        problems.append(Problem(document.locator.at(), what, "write `printer: {ipv4: 192.168.1.40}`"))
        return (), problems
    hosts = []
    with contextlib.suppress(Enough):
        for name, value in data.items():
            problem = _name_problem(document, name)
            host, mistakes = validate(Host, value, document, (name,))
            for mistake in (*mistakes, *([problem] if problem else ())):
                problems.add(mistake)
            if problem is None and host is not None:
                hosts.append(HostEntry(name, host, document.locator))
    return tuple(hosts), problems


def _name_problem(document: yaml.Document, name: str) -> Problem | None:
    where = document.at_key(name)
    try:
        canonical = names.parse(name)
    except BadName as error:
        return Problem(where, str(error))
    if "*" in name:
        return Problem(where, f"{shown(name)}: a host has no wildcard name", "write wildcards under zones/")
    if name == "@" or canonical == "." or not names.is_hostname(canonical):
        fix = "use letters, digits and inner hyphens; other names go under zones/"
        return Problem(where, f"{shown(name)} is not a host name", fix)
    return None
