"""What the import writes: YAML that reads back as it was, all files or none, secrets apart."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.errors import Refused
from reconciler.importing.found import FoundSecret
from reconciler.importing.write import beside, write
from reconciler.importing.yamltext import Unwritable, dump
from reconciler.state import yaml
from reconciler.state.text import UNWANTED
from reconciler.state.tree import Blob

ODD = [
    "no",
    "~",
    "null",
    "<<",
    "=",
    "010",
    "1.10",
    "2001:db8::",
    "*",
    "&a",
    "-",
    "?",
    ":",
    "a:",
    "#b",
    "'",
    '"',
    "|",
    ">",
    "%",
    "@",
    "`",
    "12:34:56",
    ",",
    "[",
    "{",
    "]",
    "}",
    "!",
    "\\",
]
TEXT = st.one_of(
    st.text(max_size=30).filter(lambda text: not UNWANTED.search(text)),
    st.sampled_from([*ODD, "", " ", "\n", "\r\n", "a\nb ", "- x", "a #b", "a: b", "--- x", "x" * 300]),
)
DATA = st.dictionaries(
    TEXT,
    st.recursive(
        TEXT,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
        max_leaves=8,
    ),
    max_size=5,
)


@settings(max_examples=500, deadline=None)
@given(DATA)
def test_the_loader_reads_back_what_was_written(data: dict[str, object]) -> None:
    document = yaml.read("x.yaml", Blob("", dump(data).encode()))
    assert document.problems == ()
    assert document.data == data


@pytest.mark.parametrize("text", ["\0", "\x1b[31m", "\u202e", "\ud800"])
def test_what_no_file_may_hold_is_not_written(text: str) -> None:
    with pytest.raises(Unwritable):
        dump({"a": {"b": [text]}})


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_and_secrets(tmp_path: Path) -> None:
    secrets = [FoundSecret("a", "s3cret", "x:1")]
    write(tmp_path / "new", {"site.yaml": b"x", "zones/a.zone": b"y"}, secrets, tmp_path / "secrets")
    assert (tmp_path / "new/zones/a.zone").read_bytes() == b"y"
    assert (mode(tmp_path / "secrets"), mode(tmp_path / "secrets/a")) == (0o700, 0o600)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "secrets"]
    write(tmp_path / "second", {"site.yaml": b"x"}, secrets, tmp_path / "secrets")


def test_an_empty_folder_is_free_and_another_is_not(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty", {"site.yaml": b"x"}, (), None)
    with pytest.raises(Refused, match="not an empty folder"):
        write(tmp_path / "empty", {"site.yaml": b"x"}, (), None)
    with pytest.raises(Refused, match="make it first"):
        write(tmp_path / "no/where", {"site.yaml": b"x"}, (), None)


@pytest.mark.parametrize("broken", ["files", "secret"])
def test_nothing_is_left_of_a_write_that_fails(tmp_path: Path, broken: str) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/b").write_text("another value\n")
    secrets = [FoundSecret("a", "one"), *([FoundSecret("b", "two")] if broken == "secret" else [])]
    files = {"site.yaml": b"x", "site.yaml/below": b"y"} if broken == "files" else {"site.yaml": b"x"}
    with pytest.raises((Refused, OSError)):
        write(tmp_path / "new", files, secrets, tmp_path / "secrets")
    assert [path.name for path in tmp_path.iterdir()] == ["secrets"]
    assert [path.name for path in (tmp_path / "secrets").iterdir()] == ["b"]


@pytest.mark.parametrize("name", ["../x", "a/b", "", "."])
def test_a_secret_cannot_lead_out_of_its_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refused, match="cannot be the name"):
        write(tmp_path / "new", {}, [FoundSecret(name, "x")], tmp_path / "secrets")


def test_who_is_killed_while_a_secret_is_written_can_begin_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed: nothing is cleaned up."""
    secrets = [FoundSecret("a", "s3cret")]
    with monkeypatch.context() as patched:
        patched.setattr(Path, "hardlink_to", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        patched.setattr(Path, "unlink", lambda *_, **__: None)
        with pytest.raises(KeyboardInterrupt):
            write(tmp_path / "new", {"site.yaml": b"x"}, secrets, tmp_path / "secrets")
    assert not (tmp_path / "secrets/a").exists()
    write(tmp_path / "new", {"site.yaml": b"x"}, secrets, tmp_path / "secrets")
    assert (tmp_path / "secrets/a").read_text() == "s3cret\n"


def test_the_second_of_two_imports_takes_nothing_from_the_first(tmp_path: Path) -> None:
    folder, report = tmp_path / "new", tmp_path / "new-import.txt"
    with pytest.raises(Refused, match="not an empty folder"), beside(report, "second"):
        with beside(report, "first"):
            write(folder, {"site.yaml": b"first"}, (), None)
        write(folder, {"site.yaml": b"second"}, (), None)
    assert (folder / "site.yaml").read_bytes() == b"first"
    assert report.read_text() == "first"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "new-import.txt"]


def test_a_report_may_go_to_a_device() -> None:
    with beside(Path(os.devnull), "text"):
        pass
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)
