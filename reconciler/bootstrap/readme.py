"""README.md of a node's files: the commands in order for this node, and what differs on the other one. Pure."""

from collections.abc import Mapping, Sequence

from reconciler.bootstrap import managers, preparing, secret, serving
from reconciler.bootstrap.facts import Facts
from reconciler.bootstrap.steps import Step, markdown
from reconciler.bootstrap.text import MADE_BY, NodeFile


def file(facts: Facts, files: Mapping[str, NodeFile], differing: Sequence[str]) -> NodeFile:
    """differing: paths whose files are others on the other node."""
    steps = [step for step in _steps(facts, files) if step is not None]
    lines = [*_head(facts, steps), *markdown(steps), *_end(facts, differing)]
    return NodeFile("".join(f"{line}\n" for line in lines))


def _steps(facts: Facts, files: Mapping[str, NodeFile]) -> list[Step | None]:
    return [
        preparing.accounts(facts, files),
        preparing.network(facts, files),
        preparing.packages(facts),
        preparing.program(facts),
        preparing.secrets(facts),
        preparing.units(facts, files),
        managers.disk(facts, files),
        serving.servers(facts, files),
        serving.node(facts, files),
        serving.resolver(facts, files),
        serving.firewall(facts, files),
        serving.ssh(facts, files),
        serving.daemon(facts),
        managers.manager(facts, files),
        serving.look(facts),
    ]


def _head(facts: Facts, steps: Sequence[Step]) -> list[str]:
    lines = [
        f"# Node {facts.node} of {facts.site.site}",
        "",
        f"{MADE_BY} The folder mirrors the filesystem: `diff -r etc /etc` shows what this machine has otherwise. "
        "Nothing here is in use before you copy it.",
        "",
        "Run the commands in this folder, as a user who may use sudo, in this order; for Debian 12 or Ubuntu 24.04 and "
        "later. Where nothing is said of what a command prints, no error is the sign that it has worked. In each new "
        "shell first, with the place of your clone of the program:",
        "",
        "    CLONE=~/reconciler",
        f"    {preparing.PUT}",
        "",
        f"`uname -n` has to print {facts.node}. What `put` replaces, look at first: `diff /etc/resolv.conf "
        "etc/resolv.conf`, say.",
    ]
    if facts.shared is not None:
        lines += [
            "",
            f"The other node is {facts.shared.peer.name}. Do each step here and, with its own files, there, before the "
            "next one.",
        ]
    if facts.notes:
        lines += ["", "**To know:**", "", *(f"- {note}" for note in facts.notes)]
    missing = secret.missing(facts)
    if missing:
        number = [step.title for step in steps].index(preparing.SECRETS_STEP) + 1
        lines += [
            "",
            f"**Secrets are missing: {', '.join(missing)}.** Files hold `@@MISSING-SECRET-…@@` in their place, with "
            f"which their programs do not start. Step {number} makes them, and this folder anew.",
        ]
    return lines


def _end(facts: Facts, differing: Sequence[str]) -> list[str]:
    if facts.shared is None:
        return []
    other = facts.shared.peer.name
    return [
        "",
        f"## What differs on {other}",
        "",
        f"`reconciler bootstrap {other} -o DIR` writes that node's files. These differ; all the rest is equal:",
        "",
        *(f"- `{path}`" for path in differing),
    ]
