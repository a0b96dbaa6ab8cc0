"""What DRBD was recorded to print, by state and node."""

from pathlib import Path

from reconciler.role.base import RoleReport
from reconciler.role.drbd import events, proc
from reconciler.role.drbd.decide import decide, replication
from reconciler.role.drbd.resource import Resource

FOLDER = Path(__file__).parents[1] / "data/drbd-8.4"
STREAMS = sorted(FOLDER.glob("events2-stream*.txt"))

STATES = {
    # file: role here, sync, what Replication.text says
    "01-up-inconsistent.node-a": (
        "Secondary",
        False,
        "Connected, Secondary/Secondary, disks Inconsistent/Inconsistent",
    ),
    "01-up-inconsistent.node-b": (
        "Secondary",
        False,
        "Connected, Secondary/Secondary, disks Inconsistent/Inconsistent",
    ),
    "02-syncing.node-a": ("Primary", False, "SyncSource, Primary/Secondary, disks UpToDate/Inconsistent"),
    "02-syncing.node-b": ("Secondary", False, "SyncTarget, Secondary/Primary, disks Inconsistent/UpToDate"),
    "03-primary-a.node-a": ("Primary", True, "Connected, Primary/Secondary, disks UpToDate/UpToDate"),
    "03-primary-a.node-b": ("Secondary", True, "Connected, Secondary/Primary, disks UpToDate/UpToDate"),
    "04-both-secondary.node-a": ("Secondary", True, "Connected, Secondary/Secondary, disks UpToDate/UpToDate"),
    "04-both-secondary.node-b": ("Secondary", True, "Connected, Secondary/Secondary, disks UpToDate/UpToDate"),
    "05-primary-b.node-a": ("Secondary", True, "Connected, Secondary/Primary, disks UpToDate/UpToDate"),
    "05-primary-b.node-b": ("Primary", True, "Connected, Primary/Secondary, disks UpToDate/UpToDate"),
    "06-survivor-b.node-b": ("Secondary", False, "Connecting, Secondary/Unknown, disks UpToDate/DUnknown"),
    "07-survivor-b-promoted.node-b": ("Primary", False, "Connecting, Primary/Unknown, disks UpToDate/DUnknown"),
    "08-a-returns.node-a": ("Secondary", False, "Connecting, Secondary/Unknown, disks UpToDate/DUnknown"),
    "08-a-returns.node-b": ("Primary", False, "SyncSource, Primary/Secondary, disks UpToDate/Inconsistent"),
    "09-a-back-secondary.node-a": ("Secondary", True, "Connected, Secondary/Primary, disks UpToDate/UpToDate"),
    "09-a-back-secondary.node-b": ("Primary", True, "Connected, Primary/Secondary, disks UpToDate/UpToDate"),
    "10-cut.node-a": ("Secondary", False, "Connecting, Secondary/Unknown, disks UpToDate/DUnknown"),
    "10-cut.node-b": ("Primary", False, "Connecting, Primary/Unknown, disks UpToDate/DUnknown"),
    "11-both-primary-disconnected.node-a": ("Primary", False, "Connecting, Primary/Unknown, disks UpToDate/DUnknown"),
    "11-both-primary-disconnected.node-b": ("Primary", False, "Connecting, Primary/Unknown, disks UpToDate/DUnknown"),
    "12-split-brain.node-a": ("Primary", False, "StandAlone, Primary/Unknown, disks UpToDate/DUnknown"),
    "12-split-brain.node-b": ("Primary", False, "StandAlone, Primary/Unknown, disks UpToDate/DUnknown"),
    "13-split-brain-resolved.node-a": ("Secondary", True, "Connected, Secondary/Primary, disks UpToDate/UpToDate"),
    "13-split-brain-resolved.node-b": ("Primary", True, "Connected, Primary/Secondary, disks UpToDate/UpToDate"),
    "14-peer-down-orderly.node-b": ("Primary", False, "Connecting, Primary/Unknown, disks UpToDate/DUnknown"),
    "20-ha-running.node-a": ("Primary", True, "Connected, Primary/Secondary, disks UpToDate/UpToDate"),
    "20-ha-running.node-b": ("Secondary", True, "Connected, Secondary/Primary, disks UpToDate/UpToDate"),
    "21-ha-after-failover.node-b": ("Primary", False, "Connecting, Primary/Unknown, disks UpToDate/DUnknown"),
}
DOWN = ["00-down.node-a", "00-down.node-b", "14-peer-down-orderly.node-a"]


def section(state: str, name: str) -> str:
    """What one command printed; empty when it was not recorded in this state."""
    text = "\n" + (FOLDER / f"{state}.txt").read_text(encoding="utf-8")
    found = [part for part in text.split("\n### ")[1:] if part.startswith(f"{name}:")]
    return found[0].partition("\n")[2].rstrip("\n") + "\n" if found else ""


def report(resource: Resource) -> RoleReport:
    return RoleReport(decide(resource), replication(resource))


def by_events(text: str, name: str = "r0") -> RoleReport:
    return report(events.snapshot(text, name))


def by_proc(text: str) -> RoleReport:
    return report(proc.parse(text, "r0", [0]))


def stream(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
