"""What a push can make the daemon do has an end: time, memory, disk."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from effort import at_most
from state_trees import FILES, SITE, built, tree_of

from reconciler.build import build
from reconciler.checks import sizes
from reconciler.dns import names
from reconciler.dns.diff import keep_matcher
from reconciler.effects import Effects
from reconciler.errors import BadName
from reconciler.role.always import Always
from reconciler.services import aside
from reconciler.services.bind import zonefile
from reconciler.state import bindtext, bounds, dnsmasqtext, hatches, hosts, load, masterfile, octodns, yaml
from reconciler.state.hatches import HatchAllowance
from reconciler.state.problem import Position, Problem, Severity
from reconciler.state.text import Lines, position
from reconciler.state.tree import Blob
from reconciler.state.types import Invalid, seconds

EFFECTS = Effects(Always(), helper=Path("/dev/null"))
MANY = bounds.MAX_PROBLEMS + 500
Read = Callable[[str], list[Problem]]


def blob(text: str) -> Blob:
    return Blob("", text.encode())


@pytest.mark.parametrize("text", ["1" * 60 + "x", "1s" * 20_000 + "!", "1" * 100_000])
def test_a_hostile_time_is_refused_at_once(text: str) -> None:
    with at_most(5), pytest.raises(Invalid):
        seconds(text)


@pytest.mark.parametrize(
    ("text", "value"), [("3600", 3600), ("90s", 90), ("1d12h", 129_600), ("1h30", 3630), ("1m1m", 120)]
)
def test_times_mean_what_they_look_like(text: str, value: int) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "s", "12ss", "h1", "1 h", "-1"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(Invalid):
        seconds(text)


def test_a_keep_rule_of_many_wildcards_does_not_try_all_ways_to_read_a_name() -> None:
    keep = keep_matcher("example.org.", [("*." + "*.a." * 20 + "*", ["TXT"])])
    with at_most(5):
        assert not keep("a." * 100 + "example.net.", "TXT")
    keep = keep_matcher("example.org.", [("*.a.*", ["TXT"])])
    names_kept = ("x.a.y", "x.z.a.y", "x.a.y.z", "a.a.a", r"x\.y.a.z")
    assert all(keep(f"{name}.example.org.", "TXT") for name in names_kept)
    assert not any(keep(f"{name}.example.org.", "TXT") for name in ("a.y", "x.a", "x.b.y", r"x\.a.y"))


def test_a_zone_file_with_a_gap_of_blanks_is_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "z"
    path.write_text(f"@ SOA a b{' ' * 16_000}x\n" * 2)
    with at_most(1):
        assert zonefile.serial_in(path) is None
    path.write_text("@ 60 IN SOA a b (\n 77 ; serial\n 1 2 3 4 )\n")
    assert zonefile.serial_in(path) == 77


def test_a_name_of_a_megabyte_is_refused_in_a_short_sentence() -> None:
    with pytest.raises(BadName) as caught:
        names.parse("\\065" * 300_000)
    assert len(str(caught.value)) < 200


def test_lines_are_found_as_one_by_one() -> None:
    text = "a\n\nbc\n"
    lines = Lines("f", text)
    assert [lines.at(index) for index in range(len(text) + 1)] == [
        position("f", text, index) for index in range(len(text) + 1)
    ]


def read_yaml(text: str) -> list[Problem]:
    return list(yaml.read("f", blob(text)).problems)


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (lambda text: bindtext.check("f", text, frozenset()), "a;\n"),
        (lambda text: dnsmasqtext.check("f", text, frozenset()), "adress=/x/1.2.3.4\n"),
        (lambda text: masterfile.read("f", blob(text), "example.org.")[1], "a\n"),
        (lambda text: octodns.read("f", blob(text), "example.org.")[1], "h%d: x\n"),
        (lambda text: octodns.read("f", blob("w:\n" + text), "example.org.")[1], "- {type: A, value: x}\n"),
        (lambda text: hosts.read("f", blob(text))[1], "h%d: {addres: x}\n"),
        (read_yaml, "- &a x\n"),
    ],
)
def test_a_file_full_of_mistakes_is_not_read_to_its_end(read: Read, text: str) -> None:
    problems = read("".join(text % number if "%" in text else text for number in range(MANY)))
    assert len(problems) == bounds.MAX_PROBLEMS + 1
    assert "and more" in problems[-1].what
    assert not any("and more" in problem.what for problem in problems[:-1])


def test_as_many_mistakes_as_are_told_are_all_of_them() -> None:
    problems = bindtext.check("f", "a;\n" * bounds.MAX_PROBLEMS, frozenset())
    assert len(problems) == bounds.MAX_PROBLEMS
    assert "and more" not in problems[-1].what


def test_many_warnings_do_not_refuse_a_state() -> None:
    record = "h%d: {type: A, value: 192.0.2.1, octodns: {x: y}}\n"
    zone, problems = octodns.read("f", blob("".join(record % number for number in range(MANY))), "example.org.")
    assert len(zone.records) == MANY
    assert len(problems) == bounds.MAX_PROBLEMS
    assert {problem.severity for problem in problems} == {Severity.WARNING}


def test_one_value_with_countless_mistakes_is_one_problem() -> None:
    text = "h: {" + ", ".join(f"a{number}: x" for number in range(MANY)) + "}\n"
    (problem,) = hosts.read("f", blob(text))[1]
    assert f"'h' has {MANY} mistakes" in problem.what


@pytest.mark.parametrize(("read", "line"), [(hatches.read_bind, "a;\n"), (hatches.read_dnsmasq, "w%d=1\n")])
def test_the_largest_hatch_takes_no_longer_than_its_first_mistakes(
    read: Callable[[str, Blob, HatchAllowance], tuple[object, list[Problem]]], line: str
) -> None:
    text = "".join(line % number if "%" in line else line for number in range(hatches.LIMIT // 10))
    with at_most(30):
        assert len(read("f", blob(text), HatchAllowance())[1]) == bounds.MAX_PROBLEMS + 1


def test_records_of_all_files_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    zone = "a A 192.0.2.1\nb A 192.0.2.1\n"
    files = {"site.yaml": SITE, "hosts.yaml": "h: {ipv4: [192.168.1.9, 192.168.3.9], aliases: [x, y]}\n"}
    files |= {"zones/a.zone": zone, "zones/b.zone": zone}
    monkeypatch.setattr(load, "MAX_RECORDS", 10)
    assert load.load(tree_of(files)).problems == ()
    monkeypatch.setattr(load, "MAX_RECORDS", 9)
    loaded = load.load(tree_of(files))
    assert loaded.state is None
    assert [str(problem.where) for problem in loaded.problems] == ["zones/b.zone:1:1"]
    assert "more than 9 records" in loaded.problems[0].what


def test_one_file_has_its_share_of_the_records_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masterfile, "MAX_RECORDS", 3)
    zone, problems = masterfile.read("f", blob("$GENERATE 1-9 a$ A 192.0.2.1\nb A 192.0.2.1\n"), "example.org.")
    assert len(zone.records) == 3
    assert [problem.what for problem in problems] == ["the file has more than 3 records"]


def test_generate_of_all_files_together_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"site.yaml": SITE, **{f"zones/{name}.zone": "$GENERATE 1-9 a$ A 192.0.2.1\n" for name in "abc"}}
    monkeypatch.setattr(load, "MAX_GENERATED", 18)
    (problem,) = load.load(tree_of(files)).problems
    assert str(problem).startswith("zones/c.zone:1:1: all $GENERATE up to this file together make more than 18")


def test_text_of_generate_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masterfile, "MAX_GENERATED_TEXT", 10_000)
    text = f'$GENERATE 1-1000 a$ TXT "{"x" * 200}"\n'
    zone, problems = masterfile.read("f", blob(text), "example.org.")
    assert len(zone.records) < 50
    assert "of text" in problems[0].what


def test_after_some_files_full_of_mistakes_no_other_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "MAX_FAULTY", 2)
    files = {"site.yaml": SITE, **{f"bind.d/{name}.conf": "a;\n" * MANY for name in "abcde"}}
    problems = load.load(tree_of(files)).problems
    assert {problem.where.path for problem in problems} == {f"bind.d/{name}.conf" for name in "abc"}
    assert any("no further one was read" in problem.what for problem in problems)


def test_values_of_a_yaml_file_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml, "MAX_VALUES", 100)
    document = yaml.read("f", blob("- a\n" * 200))
    assert document.data is None
    assert [problem.where for problem in document.problems] == [Position("f", 100, 3)]


def test_zones_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "MAX_ZONES", 3)
    result = built(FILES)
    assert result.site is None
    assert [problem.what for problem in result.problems] == ["the site has more than 3 zones"]


LABELS = ["a" * 60] * 3
LONG = ".".join([*LABELS, "b" * 30, "example"])
FITS = ".".join([*LABELS, "b" * 29, "example"])


@pytest.mark.parametrize(
    ("files", "where"),
    [
        ({f"zones/{LONG}.zone": "www A 192.0.2.1\n"}, f"zones/{LONG}.zone:1:1"),
        ({"site.yaml": SITE.replace("lan.example.org", LONG)}, "site.yaml:8:13"),
    ],
)
def test_a_zone_whose_file_could_not_be_written_is_a_mistake(files: dict[str, str], where: str) -> None:
    assert len(names.filename(f"{LONG}.")) == sizes.MAX_FILENAME + 1
    loaded = load.load(tree_of(FILES | files))
    assert loaded.state is not None, loaded.problems
    said = [str(problem) for problem in build(loaded.state).problems]
    assert any(text.startswith(f"{where}: the zone's name is too long for a file name (221 octets") for text in said)
    fitting = {path.replace(LONG, FITS): text.replace(LONG, FITS) for path, text in files.items()}
    loaded = load.load(tree_of(FILES | fitting))
    assert loaded.state is not None
    assert not any("too long" in problem.what for problem in build(loaded.state).problems)


def test_the_longest_file_name_of_a_zone_fits_with_all_that_is_put_around_it(tmp_path: Path) -> None:
    name = "z" * sizes.MAX_FILENAME
    for content in (b"one", b"two"):
        aside.keep(tmp_path, name, "4294967295", content, EFFECTS)


def test_only_the_newest_of_a_name_stay_aside(tmp_path: Path) -> None:
    folder = tmp_path / "aside"
    others = ["example.org.jnl.1", "sub.example.org.1", "example.org.notes", "example.org.x.1"]
    aside.keep(folder, "other", "1", b"x", EFFECTS)
    for name in others:
        (folder / name).write_text("of somebody else")
        os.utime(folder / name, (1, 1))
    for number in range(aside.KEPT + 5):
        path = aside.keep(folder, "example.org", str(number), b"x%d" % number, EFFECTS)
        os.utime(path, (1000 + number, 1000 + number))
    left = {path.name for path in folder.iterdir()}
    assert left == {*others, "other.1", *(f"example.org.{number}" for number in range(5, aside.KEPT + 5))}


def test_what_is_kept_now_stays_though_the_clock_went_back(tmp_path: Path) -> None:
    for number in range(aside.KEPT):
        path = aside.keep(tmp_path, "hosts.d_lan", f"20260102T0304{number:02}Z", b"x", EFFECTS)
        os.utime(path, (4e9, 4e9))
    kept = aside.keep(tmp_path, "hosts.d_lan", "19700101T000000Z", b"now", EFFECTS)
    assert kept.read_bytes() == b"now"
    assert len(list(tmp_path.iterdir())) == aside.KEPT


def test_another_content_with_the_same_mark_is_kept_beside(tmp_path: Path) -> None:
    paths = {aside.keep(tmp_path, "z", "7", content, EFFECTS) for content in (b"one", b"two", b"two", b"one")}
    assert {path.read_bytes() for path in paths} == {b"one", b"two"} and len(paths) == 2
