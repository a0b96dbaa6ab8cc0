"""Effects outside of a pair need more than the role: a connected peer, or somebody's word."""

from pathlib import Path

import pytest

from reconciler.effects import Effects
from reconciler.errors import Alone, NotPrimary
from reconciler.role.base import Condition, Replication, RoleReport

ALONE = [
    Replication(False, "StandAlone", "Primary", "Unknown", "UpToDate", "DUnknown"),
    Replication(False, "Connecting", "Primary", "Unknown", "UpToDate", "DUnknown"),
    Replication(False, "WFConnection", "Primary", "Unknown", "UpToDate", "DUnknown"),
]
TOGETHER = [
    None,
    Replication(True, "Connected", "Primary", "Secondary", "UpToDate", "UpToDate"),
    Replication(False, "SyncSource", "Primary", "Secondary", "UpToDate", "Inconsistent"),
    Replication(False, "Connected", "Primary", "Secondary", "UpToDate", "Diskless"),
]


class Role:
    name = "test"

    def __init__(self, replication: Replication | None, *, primary: bool = True) -> None:
        self.replication = replication
        self.primary = primary

    def read(self) -> RoleReport:
        return RoleReport((Condition(self.primary, "x"),), self.replication)


def run(role: Role, *, alone: bool) -> int:
    effects = Effects(role, helper=Path("/dev/null"))
    return effects.run_outside(["true"], alone=alone, timeout=20.0, cwd=Path("/")).code


@pytest.mark.parametrize("replication", TOGETHER)
def test_with_a_peer_that_is_heard_of_or_without_any(replication: Replication | None) -> None:
    assert run(Role(replication), alone=False) == 0


@pytest.mark.parametrize("replication", ALONE)
def test_alone_only_by_somebodys_word(replication: Replication) -> None:
    with pytest.raises(Alone, match=f"not connected \\({replication.connection}.*did not run true"):
        run(Role(replication), alone=False)
    assert run(Role(replication), alone=True) == 0


@pytest.mark.parametrize("replication", [*ALONE, *TOGETHER])
def test_a_standby_never(replication: Replication | None) -> None:
    with pytest.raises(NotPrimary):
        run(Role(replication, primary=False), alone=True)
