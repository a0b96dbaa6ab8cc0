"""What a backup says about itself: backup.json and README. Pure."""

import json
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, ValidationError

from reconciler.errors import Refused

FACTS, README = "backup.json", "README"
NODE_YAML, DHCP_SCRIPT, HA_CONF = "etc/node.yaml", "etc/dhcp-script.conf", "etc/ha.conf"
AUTHORIZED_KEYS = "ssh/authorized_keys"
BUNDLE = "repository.bundle"
STATE, ZONES, LEASES = "state/", "zones/", "leases/"
VERSION = 1


class Facts(BaseModel):
    """Facts about the node that was backed up."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    version: int = VERSION
    node: str
    deployed: str | None
    """Commit that was deployed."""
    refs: dict[str, str]
    """Object by full ref name."""
    serials: dict[str, int]
    """The newest serial of each zone that is known: deployed, begun, or served."""
    leases: list[str]
    """Lease files, in the order of leases/0, leases/1 …"""
    secrets: list[str]
    """Names of the files in the secrets folder."""
    keys: dict[str, str]
    """Other files and folders with keys, which are not in the backup either, and what each is."""
    unreplicated: list[str]
    """Bundles of pushes that the peer did not have, by file name."""
    notes: list[str]
    """What could not be taken."""

    def text(self) -> bytes:
        """As JSON."""
        return (json.dumps(self.model_dump(), indent=1, sort_keys=True) + "\n").encode()


def read(files: Mapping[str, bytes], name: str) -> Facts:
    """The facts in an archive's files. Raises Refused for another version, or none."""
    try:
        facts = Facts.model_validate(json.loads(files[FACTS]))
    except (KeyError, ValueError, RecursionError, ValidationError):
        raise Refused(f"{name}: its {FACTS} is not of a backup of version {VERSION}; which release wrote it?") from None
    if facts.version != VERSION or NODE_YAML not in files:
        raise Refused(f"{name} is a backup of version {facts.version}; this release reads version {VERSION}")
    return facts


def readme(facts: Facts) -> bytes:
    """For who finds the file and not this program."""
    names = (*facts.secrets, *(f"{path} ({what})" for path, what in facts.keys.items()))
    secrets = "".join(f"  {name}\n" for name in names) or "  none\n"
    return f"""\
Backup of the reconciler on node {facts.node}: DNS and DHCP from a git repository.

To start again on an empty node: install reconciler as its README tells, without `reconciler init`, then
  sudo reconciler restore FILE

  CHECKSUMS          SHA-256 of every file (sha256sum -c CHECKSUMS)
  backup.json        refs, serials, names of secrets
  etc/               node.yaml and what lay beside it
  ssh/               who may push
  repository.bundle  the repository with its history; without this program: git clone --mirror repository.bundle
  state/             what was deployed (manifest.json has the serials)
  zones/             dynamic zones with the records of others, as master files
  leases/            lease files

Not in here, on purpose; put them back by hand:
{secrets}""".encode()
