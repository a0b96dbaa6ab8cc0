"""The program on a machine, as README.md says, from the project's disk."""

from vm import documents
from vm.machine import Machine
from vm.project import AT

README = "README.md"
ONE_NODE = "Installing on one node"


def install(node: Machine) -> None:
    """Steps "The program" and "User, folders, units, helper"."""
    node.run(f"mkdir -p {AT} && mount -o ro /dev/vdc {AT}")
    for step in ("The program", "User, folders"):
        documents.follow(node, README, ONE_NODE, step)
    node.run("rm -rf /root/.cache")
