"""Leave to act on what is this node's own, whatever its role: its own disk, never the shared one nor a server."""

from reconciler.role.base import Condition, RoleReport


class OwnDisk:
    """For Effects on the folder `own:` of node.yaml and what else a standby may write."""

    name = "own disk"

    def read(self) -> RoleReport:
        """Always: nobody else has this disk."""
        return RoleReport((Condition(True, "this is the node's own disk"),))
