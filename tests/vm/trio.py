"""The three machines together: started afresh, saved, and brought back from what was saved in about a second."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vm.machine import CARDS, Disks, Machine
from vm.switch import Switch


@dataclass(frozen=True)
class Trio:
    """Both nodes, and the client that asks and pushes."""

    a: Machine
    b: Machine
    client: Machine

    @property
    def nodes(self) -> tuple[Machine, Machine]:
        return self.a, self.b

    @property
    def all(self) -> tuple[Machine, Machine, Machine]:
        return self.a, self.b, self.client

    def on_both(self, work: Callable[[Machine], None]) -> None:
        """Do it on both nodes at once. Raises what either raised."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(work, self.nodes))

    def other(self, node: Machine) -> Machine:
        return self.b if node is self.a else self.a


@dataclass(frozen=True)
class Source:
    """What image.sh built, the read-only disk with the project, and each machine's disks."""

    image: Path
    project: Path
    disks: dict[str, Disks]


@contextmanager
def running(folder: Path, source: Source) -> Iterator[Trio]:
    """The machines, up; everything of theirs is ended and removed afterwards, whatever happens."""
    folder.mkdir(parents=True)
    switch = Switch(folder, list(CARDS))
    machines = {
        key: Machine(key, folder, image=source.image, project=source.project, disks=source.disks[key]) for key in CARDS
    }
    trio = Trio(**machines)
    try:
        saved = [machine for machine in trio.all if machine.state is not None]
        for machine in trio.all:
            machine.start()
        for machine in trio.all:
            if machine in saved:
                machine.wait_paused()
            else:
                machine.wait_up()
        for machine in saved:
            machine.qmp("cont")
        for machine in saved:
            machine.set_clock()
        yield trio
    finally:
        for machine in trio.all:
            machine.cut_power()
        switch.close()
        shutil.rmtree(folder, ignore_errors=True)


def save(trio: Trio, folder: Path, source: Source) -> Source:
    """Stop all machines at one moment, and keep them in `folder`."""
    folder.mkdir(parents=True)
    for machine in trio.all:
        machine.run("sync")
    for machine in trio.all:
        machine.qmp("stop")
    return Source(source.image, source.project, {machine.key: machine.save(folder) for machine in trio.all})
