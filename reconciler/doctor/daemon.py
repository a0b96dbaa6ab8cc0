"""The daemon and its helper, and what the daemon says itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reconciler import __version__
from reconciler.doctor.finding import Finding, broken, chapter, skipped, warning, well
from reconciler.doctor.node import Node
from reconciler.errors import ReconcilerError, Temporary

_GOOD = ("applied", "unchanged", "standby", "empty")
"""Results of a pass that ask nothing of a person."""
_LISTENS = 0x10000
"""__SO_ACCEPTCON in the flags of /proc/net/unix."""


def daemon(node: Node) -> Iterator[Finding]:
    """That it answers, and is this version."""
    try:
        version = node.status()["version"]
    except ReconcilerError as error:
        if node.root or "only root" not in str(error):
            yield broken(
                str(error),
                "sudo systemctl start reconciler",
                "journalctl -u reconciler -n 50",
                chapter("The daemon is down"),
            )
        else:
            yield skipped("only root and the daemon's own user may ask it: run as root")
        return
    if version != __version__:
        yield warning(
            f"the daemon runs version {version}, installed is {__version__}",
            "sudo systemctl restart reconciler",
            chapter("Upgrade"),
        )
    else:
        yield well(f"answers, version {version}")


def helper(node: Node) -> Iterator[Finding]:
    """That the restart helper's socket is listened to. It is not asked: each request may start a process."""
    path = node.settings.helper
    if _listened(path, (node.system / "proc/net/unix").read_text()):
        yield well(f"{path} is listened to")
    else:
        yield broken(
            f"nobody listens at {path}: dnsmasq cannot be restarted, and a push that needs it waits",
            "sudo systemctl enable --now reconciler-helper.socket",
            chapter("The restart helper is missing"),
        )


def _listened(path: Path, table: str) -> bool:
    """Whether /proc/net/unix has a listening socket of this name (fields: proc(5))."""
    for line in table.splitlines()[1:]:
        fields = line.split(None, 7)
        if len(fields) == 8 and fields[7] == str(path) and int(fields[3], 16) & _LISTENS:
            return path.exists()
    return False


def status(node: Node) -> Iterator[Finding]:
    """What `reconciler status` shows that somebody should know."""
    try:
        said = node.status()
    except Temporary as error:
        yield skipped(f"the daemon does not answer: {error}")
        return
    found = [*_failing(said, node), *_held_back(said, node), *_outside(said, node)]
    yield from found
    if not found:
        yield well(f"serves {(said['deployed'] or 'nothing yet')[:12]}")


def _failing(said: dict[str, Any], node: Node) -> Iterator[Finding]:
    look, last = (node.command("status"), chapter("First look")), said["last"]
    for text in [*(alarm["text"] for alarm in said["alarms"]), *([said["trouble"]] if said["trouble"] else [])]:
        yield broken(text, *look)
    if not said["paused"] and last and last["result"] not in _GOOD:
        yield broken(f"the last pass ended as {last['result']}: {' | '.join(last['lines'][-3:])}", *look)


def _held_back(said: dict[str, Any], node: Node) -> Iterator[Finding]:
    if said["paused"]:
        yield warning(f"paused {said['paused']}: nothing is applied", node.command("resume"), chapter("Paused"))
    if said["drift"]:
        first = said["drift"][0]
        yield warning(
            f"{len(said['drift'])} differences from what was deployed; the first: {first['place']} {first['text']}",
            node.command("status"),
            "# put it into the repository, or remove it",
            chapter("Drift"),
        )


def _outside(said: dict[str, Any], node: Node) -> Iterator[Finding]:
    wan, upstream = said["wan"], said["upstream"]
    if wan and not wan["healthy"]:
        yield broken("the public address is not published", node.command("wan"), chapter("The public address changed"))
    if upstream and not upstream["healthy"]:
        yield broken(
            f"the forge is not followed: {upstream['problem']}", node.command("status"), chapter("Following a forge")
        )
