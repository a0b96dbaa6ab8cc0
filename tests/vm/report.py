"""The closing table of `make test-vm`."""

from dataclasses import dataclass, field

from vm.evidence import Found


@dataclass
class Report:
    """Rows in the order in which they were measured."""

    rows: list[tuple[str, Found]] = field(default_factory=list)
    times: list[tuple[str, dict[str, float]]] = field(default_factory=list)

    def add(self, scenario: str, found: Found, seconds: dict[str, float] | None = None) -> None:
        self.rows.append((scenario, found))
        if seconds:
            self.times.append((scenario, seconds))

    def lines(self) -> list[str]:
        made = [f"{'scenario':58} pushes: acknowledged found lost   leases: acknowledged found lost"]
        for scenario, found in self.rows:
            pushes = f"{found.pushes:20} {found.pushes - found.pushes_lost:5} {found.pushes_lost:4}"
            leases = f"{found.leases:22} {found.leases - found.leases_lost:5} {found.leases_lost:4}"
            made.append(f"{scenario:58} {pushes} {leases}")
        for scenario, seconds in self.times:
            made += ["", f"{scenario}: seconds"]
            made += [f"  {name:58} {value:6.2f}" for name, value in seconds.items()]
        return made
