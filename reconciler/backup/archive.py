"""The file: a plain tar of regular files, the first of which has the checksums of all others. Pure.

The same contents give the same bytes. What is read is hostile: nothing is taken from a file that is not whole.
"""

import hashlib
import io
import re
import tarfile
from collections.abc import Iterator, Mapping

from reconciler.errors import Refused

CHECKSUMS = "CHECKSUMS"
LARGEST = 1 << 30
"""Bytes of an archive; it is read into memory."""
_MODE = 0o600
_LINE = re.compile(r"([0-9a-f]{64})  ([^\n]+)\n")


def pack(files: Mapping[str, bytes]) -> bytes:
    """The archive of these files, by their names inside. Raises Refused for more than could be read again."""
    sums = "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8") as tar:
        for name, content in ((CHECKSUMS, sums.encode()), *sorted(files.items())):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), _MODE
            tar.addfile(entry, io.BytesIO(content))
    if output.tell() > LARGEST:
        raise Refused(f"the backup would have more than {LARGEST >> 20} MiB, which cannot be restored; `git gc` first?")
    return output.getvalue()


def unpack(data: bytes, name: str) -> dict[str, bytes]:
    """The files of an archive; `name` is for people. Raises Refused for one that is cut, changed, or not ours."""
    if len(data) > LARGEST:
        raise Refused(f"{name} is larger than {LARGEST >> 20} MiB; no backup is")
    try:
        files = dict(_members(data, name))
    # tarfile calls itself for each header that is about the next one.
    except (tarfile.TarError, EOFError, ValueError, OverflowError, UnicodeError, RecursionError) as error:
        raise Refused(f"{name} is no backup, or cut: {error}") from None
    sums = files.pop(CHECKSUMS, b"").decode("utf-8", "replace")
    wanted = {match[2]: match[1] for match in _LINE.finditer(sums)}
    if not wanted or "".join(f"{digest}  {item}\n" for item, digest in wanted.items()) != sums:
        raise Refused(f"{name} is no backup of this program, or damaged: its first file is not {CHECKSUMS}")
    if missing := wanted.keys() - files.keys():
        raise Refused(f"{name} is cut: {min(missing)} is not in it")
    if more := files.keys() - wanted.keys():
        raise Refused(f"{name} was changed: {min(more)!r} was added")
    for item, digest in wanted.items():
        if hashlib.sha256(files[item]).hexdigest() != digest:
            raise Refused(f"{name} is damaged: {item} is not as it was packed")
    return files


def _members(data: bytes, archive: str) -> Iterator[tuple[str, bytes]]:
    seen: set[str] = set()
    # Not compressed: what is read is never more than what lies there.
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:", encoding="utf-8", errors="strict") as tar:
        for entry in tar:
            parts = entry.name.split("/")
            if entry.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or entry.issparse():
                raise Refused(f"{archive}: {entry.name!r} is no regular file; a backup has nothing else")
            if any(part in ("", ".", "..") for part in parts) or not entry.name.isprintable() or entry.name in seen:
                raise Refused(f"{archive}: a backup has no file called {entry.name!r}, or not twice")
            seen.add(entry.name)
            stream = tar.extractfile(entry)
            content = stream.read() if stream else b""
            if len(content) != entry.size:
                raise Refused(f"{archive} is cut: {entry.name} ends too early")
            yield entry.name, content
