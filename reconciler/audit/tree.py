"""The deployed content as files of the audit branch. Pure.

    zones/FILENAME/soa               the SOA with its serial; FILENAME@VIEW for a view's own version
    zones/FILENAME/records           a zone of up to SHARD records, one a line
    zones/FILENAME/records/a/3/...   a larger one, divided by a hash of the owner, at most about SHARD a file
    services/SERVICE/PATH            other files as rendered

A changed record rewrites one small file and a few folders of 16 entries, not a zone's whole text.
"""

from collections.abc import Collection, Mapping
from zlib import crc32

from reconciler.deployed import DeployedZone
from reconciler.dns.names import sort_key
from reconciler.dns.records import RRset
from reconciler.dns.versions import filename
from reconciler.dns.zone import Zone
from reconciler.git.fastimport import Files
from reconciler.services.base import File

SHARD = 256
"""Records in a file, on average, before a zone is divided further."""
_FANOUT = 16
_SECRET = b"not shown: this file holds a secret\n"


def zone_changes(old: Mapping[str, DeployedZone], new: Mapping[str, DeployedZone]) -> Files:
    """Audit files that differ between two manifests' zones."""
    files: dict[str, bytes | None] = {_folder(name): None for name in old.keys() - new.keys()}
    for name, deployed in new.items():
        before = old.get(name)
        if before is not deployed:
            files |= _zone_change(before, deployed)
    return files


def file_changes(old: Mapping[str, str], new: Mapping[str, File]) -> Files:
    """Audit files for rendered files: `old` maps SERVICE/PATH to a digest, `new` to what is rendered now.

    A secret file is replaced by a line that says so.
    """
    files: dict[str, bytes | None] = {f"services/{path}": None for path in old.keys() - new.keys()}
    for path, file in new.items():
        if old.get(path) != file.digest:
            files[f"services/{path}"] = _SECRET if file.secret else file.content
    return files


def depth(records: int) -> int:
    """Levels of folders, of 16 each, that a zone of so many records is divided into."""
    levels = 0
    while records > SHARD * _FANOUT**levels:
        levels += 1
    return levels


def shard(owner: str, levels: int) -> str:
    """Path of an owner's file below `records`: `levels` hexadecimal digits."""
    return "/".join(f"{crc32(owner.encode()):08x}"[8 - levels :])


def _zone_change(old: DeployedZone | None, new: DeployedZone) -> dict[str, bytes | None]:
    folder = _folder(new.zone.id)
    files: dict[str, bytes | None] = {}
    soa = _soa(new)
    if old is None or _soa(old) != soa:
        files[f"{folder}/soa"] = soa
    return files | _record_changes(folder, old.zone if old else None, new.zone)


def _record_changes(folder: str, old: Zone | None, new: Zone) -> dict[str, bytes | None]:
    base = f"{folder}/records"
    levels = depth(_records(new))
    if old is not None and depth(_records(old)) == levels:
        owners = _changed_owners(old, new)
        return {_path(base, key): text for key, text in _shards(new, levels, owners).items()}
    files: dict[str, bytes | None] = {base: None} if old is not None else {}
    everything = _shards(new, levels, {owner for owner, _ in new.rrsets})
    return files | {_path(base, key): text for key, text in everything.items()}


def _shards(zone: Zone, levels: int, owners: Collection[str]) -> dict[str, bytes | None]:
    """Content of the files that hold `owners`, None for one that has become empty."""
    touched: dict[str, list[RRset]] = {shard(owner, levels): [] for owner in owners}
    if touched:
        for rrset in zone.rrsets.values():
            rrsets = touched.get(shard(rrset.owner, levels))
            if rrsets is not None:
                rrsets.append(rrset)
    return {key: _text(rrsets) for key, rrsets in touched.items()}


def _text(rrsets: list[RRset]) -> bytes | None:
    ordered = sorted(rrsets, key=lambda rrset: (sort_key(rrset.owner), rrset.rtype))
    return "".join(f"{line}\n" for rrset in ordered for line in rrset.lines()).encode() or None


def _changed_owners(old: Zone, new: Zone) -> set[str]:
    if old.rrsets is new.rrsets:
        return set()
    gone = {owner for owner, rtype in old.rrsets.keys() - new.rrsets.keys()}
    return gone | {key[0] for key, rrset in new.rrsets.items() if old.rrsets.get(key) != rrset}


def _records(zone: Zone) -> int:
    return sum(len(rrset.rdatas) for rrset in zone.rrsets.values())


def _soa(deployed: DeployedZone) -> bytes:
    return f"{deployed.zone.soa.line(deployed.zone.name, deployed.serial)}\n".encode()


def _folder(zone: str) -> str:
    return f"zones/{filename(zone)}"


def _path(base: str, key: str) -> str:
    return f"{base}/{key}" if key else base
