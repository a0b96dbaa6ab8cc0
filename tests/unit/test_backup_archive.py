"""The file of a backup: what goes in comes out, and nothing else is taken."""

import io
import tarfile
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.backup import archive
from reconciler.errors import Refused

NAME = st.from_regex(r"(state/|zones/)?[a-zA-Z0-9%!#*+_=.-]{1,60}", fullmatch=True).filter(
    lambda name: name.rpartition("/")[2] not in (".", "..", archive.CHECKSUMS)
)
FILES = {"README": b"text\n", "etc/node.yaml": b"node: ns1\n", "state/manifest.json": b"{}\n"}


@given(st.dictionaries(NAME, st.binary(max_size=2000), min_size=1, max_size=8))
def test_there_and_back(files: dict[str, bytes]) -> None:
    data = archive.pack(files)
    assert archive.unpack(data, "backup") == files
    assert archive.pack(dict(reversed(files.items()))) == data


@given(st.data())
def test_any_cut_or_changed_byte_of_a_file_is_seen(data: st.DataObject) -> None:
    whole = archive.pack(FILES)
    contents = [whole.index(content) + offset for content in FILES.values() for offset in range(len(content))]
    at = data.draw(st.sampled_from(contents))
    with pytest.raises(Refused):
        archive.unpack(whole[:at], "backup")
    with pytest.raises(Refused):
        archive.unpack(whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :], "backup")


@given(st.binary(max_size=3000))
def test_rubbish_is_refused_in_one_sentence(data: bytes) -> None:
    with pytest.raises(Refused):
        archive.unpack(data, "backup")


def with_entry(change: Callable[[tarfile.TarInfo], None], content: bytes = b"x") -> bytes:
    """A backup with one more entry, put before its end."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as tar:
        with tarfile.open(fileobj=io.BytesIO(archive.pack(FILES))) as old:
            for entry in old:
                tar.addfile(entry, old.extractfile(entry))
        more = tarfile.TarInfo("state/more")
        more.size = len(content)
        change(more)
        tar.addfile(more, io.BytesIO(content))
    return output.getvalue()


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "../../etc/passwd"},
        {"name": "/etc/passwd"},
        {"name": "state/../../x"},
        {"name": "state//x"},
        {"name": "a\nb"},
        {"name": "README"},
        {"name": "state/more"},
        {"type": tarfile.SYMTYPE, "linkname": "/etc/shadow", "size": 0},
        {"type": tarfile.LNKTYPE, "linkname": "README", "size": 0},
        {"type": tarfile.DIRTYPE, "size": 0},
        {"type": tarfile.CHRTYPE, "size": 0},
        {"type": tarfile.FIFOTYPE, "size": 0},
    ],
)
def test_hostile_entries(changes: dict[str, object]) -> None:
    def change(entry: tarfile.TarInfo) -> None:
        for key, value in changes.items():
            setattr(entry, key, value)

    with pytest.raises(Refused):
        archive.unpack(with_entry(change), "backup")


def test_compressed_and_huge_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("CHECKSUMS"))
    with pytest.raises(Refused):
        archive.unpack(output.getvalue(), "backup")
    packed = archive.pack(FILES)
    monkeypatch.setattr(archive, "LARGEST", 1000)
    with pytest.raises(Refused, match="larger than"):
        archive.unpack(packed, "backup")


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_thousands_of_headers_about_the_next_one(kind: bytes) -> None:
    header, body = tarfile.TarInfo("x"), b"12 path=abc\n"
    header.type, header.size = kind, len(body)
    with pytest.raises(Refused, match="no backup"):
        archive.unpack((header.tobuf() + body.ljust(512, b"\0")) * 5000 + archive.pack(FILES), "backup")


def test_what_could_not_be_restored_is_not_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LARGEST", len(archive.pack(FILES)))
    archive.unpack(archive.pack(FILES), "backup")
    with pytest.raises(Refused, match="cannot be restored"):
        archive.pack({**FILES, "state/more": b"x" * 20_000})
