"""Role of a node without a partner: always primary."""

from reconciler.role.base import Condition, RoleReport


class Always:
    """A single node needs nobody's leave."""

    name = "always"

    def read(self) -> RoleReport:
        """Primary, always."""
        return RoleReport((Condition(True, "this node stands alone (role provider `always`)"),))
