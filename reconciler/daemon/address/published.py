"""One publication in a term: what it is, and what is known of it."""

from dataclasses import dataclass, field
from typing import Any

from reconciler.state.wan import WanPublish
from reconciler.wan.publication import Do, Record, Seen, Step


@dataclass
class Publication:
    """`name` tells it from others, `names` are absolute. wanted: the address that it shall have, or "".

    seen, looks: as in `Situation`. step: what is waited for.
    """

    item: WanPublish
    name: str
    names: tuple[str, ...]
    seen: Seen | None = None
    looks: int = 0
    wanted: str = ""
    step: Step = field(default_factory=lambda: Step(Do.WAIT, why="no address is known yet"))

    def document(self, record: Record, trouble: str) -> dict[str, Any]:
        """For the status. trouble: why nothing is published at present, beside what `step` says."""
        return {
            "domain": self.item.domain,
            "names": list(self.names),
            "protocol": self.item.protocol,
            "family": self.item.family.value,
            "wanted": self.wanted or None,
            "sent": {"address": record.address, "at": record.sent, "result": record.outcome.value}
            if record.sent
            else None,
            "confirmed": {"address": record.confirmed, "at": record.confirmed_at} if record.confirmed_at else None,
            "seen": {name: sorted(found) for name, found in self.seen.addresses.items()} if self.seen else None,
            "state": trouble or self.step.why,
            "stuck": bool(trouble) or self.step.stuck,
        }
