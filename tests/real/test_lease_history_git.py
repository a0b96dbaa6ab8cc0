"""The lease history in a real repository, and `reconciler leases`, which asks it."""

import json
import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, ip_address
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from gitbench import commit, effects, git, state_repo
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.audit import lease_branches
from reconciler.audit.entry import Entry
from reconciler.audit.lease_query import What, at, began, history
from reconciler.audit.leases import LeaseHistory
from reconciler.audit.record import Audit
from reconciler.cli.leases import command
from reconciler.daemon.control import ControlServer
from reconciler.daemon.protocol import Request
from reconciler.dns.reverse import Address
from reconciler.errors import BadRepository, NotPrimary
from reconciler.git.maintain import maintain
from reconciler.leases.lease import Lease
from reconciler.role.base import Condition, RoleReport

pytestmark = pytest.mark.real

NOVEMBER = int(datetime(2025, 11, 17, 19, 0, tzinfo=UTC).timestamp())
DECEMBER = int(datetime(2025, 12, 1, tzinfo=UTC).timestamp())
JANUARY = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
ONE, TWO, THREE = "52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:03"
MEGABYTE = 1_000_000


def lease(address: str, mac: str | None, name: str | None = None, *, expires: int | None = 0, **more) -> Lease:
    return Lease(ip_address(address), mac, name, expires, **more)


class Site:
    """Leases as they come and go, recorded at each step."""

    def __init__(self, repo: Path, tmp_path: Path, node: str = "n1") -> None:
        self.repo = repo
        self._tmp_path = tmp_path
        self.leases: dict[Address, Lease] = {}
        self.names: dict[Address, str] = {}
        self.restart(node)

    def restart(self, node: str = "n1") -> None:
        self.history = LeaseHistory(self.repo, effects(self._tmp_path), node=node)

    def step(self, when: int, *there: Lease, gone: str = "", names: Mapping[str, str] | None = None) -> str | None:
        old = dict(self.leases)
        for each in gone.split():
            del self.leases[ip_address(each)]
            self.names.pop(ip_address(each), None)
        self.leases |= {each.address: each for each in there}
        self.names |= {ip_address(address): name for address, name in (names or {}).items()}
        return self.history.record(old, dict(self.leases), names=dict(self.names), when=when)

    def had(self, moment: int) -> dict[str, str | None]:
        return {str(each.address): each.lease.mac for each in at(self.repo, moment)}


@pytest.fixture
def site(tmp_path):
    return Site(state_repo(tmp_path), tmp_path)


def subjects(repo: Path, month: str) -> list[str]:
    return git(repo, "log", "--format=%s", f"leases/{month}").splitlines()


def told(repo: Path, text: str) -> list[tuple[int, str, str, str | None]]:
    return [(each.when, each.what, str(each.record.address), each.record.lease.mac) for each in history(repo, text)]


def test_a_lease_comes_changes_hands_and_ends(site):
    first = site.step(
        NOVEMBER, lease("192.168.3.57", ONE, "phone"), names={"192.168.3.57": "phone.internal.example.org."}
    )
    site.step(NOVEMBER + 60, lease("192.168.3.57", TWO, "tablet"))
    site.step(NOVEMBER + 120, gone="192.168.3.57")
    assert subjects(site.repo, "2025-11") == [
        f"lease 192.168.3.57 ended, it was with {TWO} (phone)",
        f"lease 192.168.3.57 from {ONE} (phone) to {TWO} (phone)",
        f"lease 192.168.3.57 to {ONE} (phone)",
    ]
    trailers = git(site.repo, "log", "-1", "--format=%(trailers:only,unfold)", first or "").split("\n")
    assert trailers[:6] == ["Trigger: lease", "Node: n1", "Added: 1", "Removed: 0", "Changed: 0", "Snapshot: 1 lease"]
    assert git(site.repo, "log", "-1", "--format=%an %ae %ct", first or "").split() == [
        *("reconciler", "reconciler@n1", str(NOVEMBER))
    ]
    assert told(site.repo, "192.168.3.57") == [
        (NOVEMBER + 120, What.LOST, "192.168.3.57", TWO),
        (NOVEMBER + 60, What.GOT, "192.168.3.57", TWO),
        (NOVEMBER + 60, What.LOST, "192.168.3.57", ONE),
        (NOVEMBER, What.GOT, "192.168.3.57", ONE),
    ]
    assert told(site.repo, ONE.upper().replace(":", "-")) == told(site.repo, "192.168.3.57")[2:]
    assert told(site.repo, "TABLET") == told(site.repo, "192.168.3.57")[:2]
    assert len(told(site.repo, "phone.internal.example.org")) == 4
    assert "error" not in git(site.repo, "fsck", "--strict")


def test_a_renewal_is_no_change(site):
    site.step(NOVEMBER, lease("192.168.3.57", ONE, expires=NOVEMBER + 3600))
    assert site.step(NOVEMBER + 1800, lease("192.168.3.57", ONE, expires=NOVEMBER + 5400)) is None
    site.restart("n2")
    assert site.step(NOVEMBER + 3600, lease("192.168.3.57", ONE, expires=NOVEMBER + 7200)) is None
    assert len(subjects(site.repo, "2025-11")) == 1
    # It has long expired as recorded, and stands.
    assert site.had(NOVEMBER + 86_400) == {"192.168.3.57": ONE}
    assert told(site.repo, ONE) == [(NOVEMBER, What.GOT, "192.168.3.57", ONE)]


def test_nothing_is_written_where_there_is_nothing(site):
    assert site.step(NOVEMBER) is None
    assert lease_branches.months(site.repo) == {}
    assert at(site.repo, NOVEMBER) == [] == history(site.repo, ONE)
    assert began(site.repo) is None


def test_a_batch_is_one_commit_of_few_files(site):
    site.step(NOVEMBER, *(lease(f"192.168.3.{number}", None, f"c{number}") for number in range(1, 200)))
    changed = (lease(f"192.168.3.{number}", ONE, "new") for number in range(1, 10))
    found = site.step(NOVEMBER + 1, lease("2001:db8::1", None, "six", duid="00:01"), *changed, gone="192.168.3.12")
    assert subjects(site.repo, "2025-11") == ["1 lease, 1 ended, 9 changed", "199 leases"]
    assert git(site.repo, "diff", "--name-only", f"{found}^", found or "").split() == [
        *("ipv4/192.168/3/0-15", "ipv6/2001-db8-0-0/0/0/1")
    ]
    assert len(at(site.repo, NOVEMBER + 1)) == 199


def test_a_new_published_name_is_told_and_the_lease_goes_on(site):
    site.step(NOVEMBER, lease("192.168.3.57", ONE, "phone"))
    site.step(NOVEMBER + 5, names={"192.168.3.57": "phone.example.org."})
    site.step(NOVEMBER + 9, names={"192.168.3.57": "phone-2.example.org.", "192.168.3.99": "no-lease.example.org."})
    [second, first, got] = history(site.repo, "phone-2") + history(site.repo, "192.168.3.57")[1:]
    assert (second.what, first.what, got.what) == (What.CHANGED, What.CHANGED, What.GOT)
    assert second.before and second.before.published == "phone.example.org."
    assert [each.since for each in at(site.repo, NOVEMBER + 99)] == [NOVEMBER]
    site.names.clear()
    assert site.step(NOVEMBER + 12)
    assert at(site.repo, NOVEMBER + 99)[0].published is None


def test_each_moment_has_its_own_answer(site):
    """At every second on both sides of every commit, in two months, one of them without any change."""
    site.step(NOVEMBER, lease("192.168.3.1", ONE))
    site.step(DECEMBER - 1, lease("192.168.3.2", TWO))
    site.step(JANUARY, gone="192.168.3.1")
    site.step(JANUARY + 1, lease("192.168.3.1", THREE))
    one, two, three = (("192.168.3.1", ONE), ("192.168.3.2", TWO), ("192.168.3.1", THREE))
    expected = {
        0: {},
        NOVEMBER - 1: {},
        NOVEMBER: dict([one]),
        DECEMBER - 2: dict([one]),
        DECEMBER - 1: dict([one, two]),
        DECEMBER: dict([one, two]),
        JANUARY - 1: dict([one, two]),
        JANUARY: dict([two]),
        JANUARY + 1: dict([two, three]),
        JANUARY + 10**9: dict([two, three]),
    }
    assert {moment: site.had(moment) for moment in expected} == expected
    assert list(lease_branches.months(site.repo)) == ["2025-11", "2026-01"]
    assert began(site.repo) == NOVEMBER


def test_history_goes_across_months(site):
    site.step(NOVEMBER, lease("192.168.3.1", ONE, "a"), lease("192.168.3.2", TWO, "b"))
    site.step(DECEMBER + 5, lease("192.168.3.2", THREE, "c", expires=7))
    site.step(JANUARY + 5, lease("192.168.3.1", ONE, "a", expires=9))
    site.step(JANUARY + 6, gone="192.168.3.1")
    assert subjects(site.repo, "2026-01")[-1] == "2 leases at the start of 2026-01"
    assert told(site.repo, ONE) == [
        (JANUARY + 6, What.LOST, "192.168.3.1", ONE),
        (NOVEMBER, What.GOT, "192.168.3.1", ONE),
    ]
    assert told(site.repo, "192.168.3.2") == [
        (DECEMBER + 5, What.GOT, "192.168.3.2", THREE),
        (DECEMBER + 5, What.LOST, "192.168.3.2", TWO),
        (NOVEMBER, What.GOT, "192.168.3.2", TWO),
    ]
    assert [each.since for each in at(site.repo, JANUARY + 5)] == [NOVEMBER, DECEMBER + 5]
    assert git(site.repo, "rev-list", "--max-parents=0", "--all").count("\n") == 3


def test_everybody_leaves_over_the_turn_of_a_month(site):
    site.step(NOVEMBER, lease("192.168.3.1", ONE))
    site.step(DECEMBER, gone="192.168.3.1")
    assert site.had(DECEMBER - 1) == {"192.168.3.1": ONE}
    assert site.had(DECEMBER) == {}
    assert told(site.repo, ONE)[0] == (DECEMBER, What.LOST, "192.168.3.1", ONE)
    site.step(DECEMBER + 9, lease("192.168.3.1", ONE))
    assert site.had(DECEMBER + 9) == {"192.168.3.1": ONE}


def test_another_node_and_a_restart_lose_nothing(site, tmp_path):
    site.step(NOVEMBER, lease("192.168.3.1", ONE), lease("192.168.3.2", TWO))
    other = Site(site.repo, tmp_path, "n2")
    # What came between is not in `old` of either: the tree is what counts.
    other.leases = {each.address: each for each in (lease("192.168.3.2", TWO), lease("192.168.3.3", THREE))}
    assert other.step(NOVEMBER + 5)
    assert site.had(NOVEMBER + 5) == {"192.168.3.2": TWO, "192.168.3.3": THREE}
    assert "Node: n2" in git(site.repo, "log", "-1", "--format=%B", "leases/2025-11")
    site.leases = dict(other.leases)
    assert site.step(NOVEMBER + 9, lease("192.168.3.4", ONE))
    assert site.had(NOVEMBER + 9) == {"192.168.3.2": TWO, "192.168.3.3": THREE, "192.168.3.4": ONE}
    assert [each.since for each in at(site.repo, NOVEMBER + 9)] == [NOVEMBER, NOVEMBER + 5, NOVEMBER + 9]


def test_what_could_not_be_written_is_made_up_for(site, monkeypatch):
    site.step(NOVEMBER, lease("192.168.3.1", ONE))

    def fail(*_: object, **__: object) -> str:
        raise BadRepository("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(Audit, "record", fail)
        with pytest.raises(BadRepository):
            site.step(NOVEMBER + 1, lease("192.168.3.2", TWO))
    site.step(NOVEMBER + 2, lease("192.168.3.3", THREE))
    assert site.had(NOVEMBER + 2) == {"192.168.3.1": ONE, "192.168.3.2": TWO, "192.168.3.3": THREE}


def test_audit_and_pushes_on_other_branches_are_not_disturbed(site, tmp_path):
    audit = Audit(site.repo, effects(tmp_path), node="n1")
    work = tmp_path / "work"
    git(tmp_path, "clone", "--quiet", str(site.repo), str(work))
    git(work, "symbolic-ref", "HEAD", "refs/heads/main")
    for number in range(5):
        audit.record(Entry(f"apply {number}", files={"zones/x/soa": str(number).encode()}))
        site.step(NOVEMBER + number, lease(f"192.168.3.{number}", ONE))
        head = commit(work, {"site.yaml": str(number)})
        git(site.repo, "-c", "core.hooksPath=/dev/null", "fetch", "--quiet", str(work), "main:main")
    assert len(subjects(site.repo, "2025-11")) == 5
    assert git(site.repo, "ls-tree", "-r", "--name-only", "audit").split() == ["zones/x/soa"]
    assert git(site.repo, "rev-parse", "main").strip() == head
    assert maintain(site.repo, effects(tmp_path))
    site.step(NOVEMBER + 9, gone="192.168.3.0")
    assert len(site.had(NOVEMBER + 9)) == 4


def test_old_months_are_deleted(site):
    months = [int(datetime(2024 + number // 12, number % 12 + 1, 15, tzinfo=UTC).timestamp()) for number in range(15)]
    site.step(months[0], lease("192.168.3.2", ONE))
    for number, when in enumerate(months):
        site.step(when, lease("192.168.3.1", f"52:54:00:00:00:{number:02}"))
    assert site.history.prune(12, months[-1]) == ("2024-01", "2024-02")
    assert len(lease_branches.months(site.repo)) == 13
    assert site.history.prune(12, months[-1]) == ()
    assert site.had(months[2] - 1) == {} and site.had(months[2])
    # The oldest month that is left still says who was there at its beginning, and since when.
    assert told(site.repo, "192.168.3.1")[-1] == (months[2], What.GOT, "192.168.3.1", "52:54:00:00:00:02")
    assert told(site.repo, "192.168.3.2") == [(months[0], What.GOT, "192.168.3.2", ONE)]
    git(site.repo, "-c", "gc.pruneExpire=now", "reflog", "expire", "--expire=now", "--all")
    git(site.repo, "gc", "--quiet", "--prune=now")
    assert site.step(months[-1] + 60, gone="192.168.3.1")
    rest = [*(f"2024-{month:02}" for month in range(3, 13)), "2025-01", "2025-02"]
    assert list(site.history.prune(0, months[-1])) == rest
    git(site.repo, "branch", "leases/not-a-month", "leases/2025-03")
    site.history.prune(0, months[-1] + 10**9)
    assert git(site.repo, "for-each-ref", "--format=%(refname)").split() == ["refs/heads/leases/not-a-month"]


def test_a_clock_that_jumps_ahead_does_not_delete_the_history(site):
    months = [int(datetime(2025, number, 15, tzinfo=UTC).timestamp()) for number in range(1, 7)]
    for number, when in enumerate(months):
        site.step(when, lease("192.168.3.1", f"52:54:00:00:00:{number:02}"))
    far = int(datetime(2038, 1, 15, tzinfo=UTC).timestamp())
    assert site.history.prune(12, far) == ()
    assert site.history.prune(4, far) == ("2025-01", "2025-02")
    assert list(lease_branches.months(site.repo)) == ["2025-03", "2025-04", "2025-05", "2025-06"]


def test_a_standby_writes_and_deletes_nothing(site, tmp_path):
    class Standby:
        name = "standby"

        def read(self) -> RoleReport:
            return RoleReport((Condition(False, "test"),))

    site.step(NOVEMBER, lease("192.168.3.1", ONE))
    work = effects(tmp_path)
    work._role = Standby()
    standby = LeaseHistory(site.repo, work, node="n2")
    before = sorted(site.repo.rglob("*"))
    with pytest.raises(NotPrimary):
        standby.record({}, {}, names={}, when=NOVEMBER + 5)
    with pytest.raises(NotPrimary):
        standby.prune(0, JANUARY + 10**8)
    assert sorted(site.repo.rglob("*")) == before


hostile = st.sampled_from(
    ['a"b', "a\nb", "\x1b[31m", "[red]x[/]", "Result: forged", "--all", "x" * 300, "ä", "$(id)", "\\"]
)


@given(name=hostile | st.text(min_size=1, max_size=20), client_id=hostile)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_hostile_names_are_found_again(site, name, client_id):
    when = max((began for began in map(int, git(site.repo, "log", "--all", "--format=%ct").split())), default=NOVEMBER)
    site.step(when + 1, lease("192.168.3.1", None, name, client_id=client_id), lease("192.168.3.2", ONE, "other"))
    site.step(when + 2, gone="192.168.3.1")
    assert at(site.repo, when + 1)[0].lease.name == name
    if name.strip() == name and name.rstrip("."):
        assert [each.what for each in history(site.repo, name)][:2] == [What.LOST, What.GOT]


@pytest.mark.parametrize("text", ["--all", "-p", "(", "a\nb", "*", "\\", "[", "a{9999}", ".", "\udcff", "x" * 5000])
def test_hostile_questions_have_an_answer(site, text):
    site.step(NOVEMBER, lease("192.168.3.1", ONE, "phone"))
    assert history(site.repo, text) == []


@given(
    steps=st.lists(
        st.tuples(
            st.integers(1, 20 * 86_400),
            st.dictionaries(st.integers(0, 20), st.sampled_from([ONE, TWO, THREE]), max_size=6),
        ),
        max_size=8,
    ),
    restarts=st.booleans(),
)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_at_and_history_agree_with_what_happened(tmp_path_factory, steps, restarts):
    """Any course of events, over any number of months."""
    folder = tmp_path_factory.mktemp("course")
    site = Site(state_repo(folder), folder)
    when, course = NOVEMBER, []
    for pause, there in steps:
        when += pause
        wanted = {f"192.168.3.{number}": mac for number, mac in there.items()}
        gone = " ".join(str(address) for address in site.leases if str(address) not in wanted)
        site.step(when, *(lease(address, mac, expires=when) for address, mac in wanted.items()), gone=gone)
        course.append((when, wanted))
        if restarts:
            site.restart()
    for number, (then, wanted) in enumerate(course):
        assert site.had(then) == wanted
        assert site.had(then - 1) == (course[number - 1][1] if number else {})
    for mac in (ONE, TWO, THREE):
        expected, held = [], set()
        for then, wanted in course:
            now = {address for address, holder in wanted.items() if holder == mac}
            expected += [(then, What.LOST, address) for address in held - now]
            expected += [(then, What.GOT, address) for address in now - held]
            held = now
        assert sorted(each[:3] for each in told(site.repo, mac)) == sorted(expected)


def used(repo: Path) -> int:
    """Bytes on disk, whole blocks, as `du` counts them."""
    return sum(path.lstat().st_blocks * 512 for path in repo.rglob("*"))


def test_thousand_changes_cost_little_room(site, tmp_path):
    """A tenth of them, so a tenth of what is allowed: 10 MB after `git gc`, 30 MB before it."""
    growth, peak = grow(site, effects(tmp_path), leases=10_000, changes=100)
    assert peak < 30 * MEGABYTE / 10
    assert growth < 10 * MEGABYTE / 10


def grow(site: Site, work, *, leases: int, changes: int) -> tuple[int, int]:
    """(bytes grown after gc, at most before it) by changes one by one, with the daemon's own housekeeping."""
    choose = random.Random(1)
    base = IPv4Address("10.0.0.0")

    def client(address: Address, number: int) -> Lease:
        mac = f"52:54:00:{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
        return lease(str(address), mac, f"client-{number}", expires=NOVEMBER + number, client_id=f"01:{mac}")

    first = [client(base + number, number) for number in range(leases)]
    names = {str(each.address): f"{each.name}.internal.example.org." for each in first}
    site.step(NOVEMBER, *first, names=names)
    maintain(site.repo, work)
    start = peak = used(site.repo)
    for number in range(changes):
        address = choose.choice(list(site.leases))
        if number % 3:
            site.step(NOVEMBER + number, gone=str(address))
        else:
            site.step(NOVEMBER + number, client(address, leases + number), names={str(address): f"new-{number}.x."})
        maintain(site.repo, work)
        peak = max(peak, used(site.repo))
    assert len(subjects(site.repo, "2025-11")) == changes + 1
    git(site.repo, "gc", "--quiet")
    return used(site.repo) - start, peak - start


@pytest.fixture
def ask(site, tmp_path, monkeypatch) -> Callable[..., Result]:
    """Runs `reconciler leases` on the site's repository, in Berlin."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    config = tmp_path / "node.yaml"
    config.write_text(f"node: n1\nrepo: {site.repo}\nstate: {tmp_path}\ncontrol: {tmp_path}/leases.sock\n")
    yield lambda *arguments: CliRunner().invoke(command, ["--config", str(config), *arguments])
    monkeypatch.undo()
    time.tzset()


def test_leases_at_in_local_time_over_the_turn_of_a_month(site, ask):
    """Midnight in Berlin is 23:00 UTC of the month before."""
    assert ask("--at", "2025-01-01").output == "nobody is known: there is no history of leases yet\n"
    site.step(DECEMBER - 3600, lease("192.168.3.1", ONE, "phone"), names={"192.168.3.1": "phone.example.org."})
    site.step(DECEMBER, lease("192.168.4.2", TWO))
    site.step(DECEMBER + 3600, gone="192.168.3.1 192.168.4.2")
    assert list(lease_branches.months(site.repo)) == ["2025-11", "2025-12"]
    nobody = "nobody is known: the history begins at 2025-12-01 00:00:00\n"
    assert ask("--at", "2025-11-30 23:59:59").output == nobody
    for text in ("2025-12-01", "2025-12-01 00:59:59", "2025-11-30T23:00Z", "2025-11-30 23:00 +00:00"):
        found = ask("--at", text)
        assert found.output.splitlines()[1].split() == [
            *("192.168.3.1", "phone.example.org", ONE, "phone", "2025-12-01", "00:00:00")
        ]
        assert len(found.output.splitlines()) == 2
    both = ask("--at", "2025-12-01 01:00", "--json")
    assert both.exit_code == 0
    document = json.loads(both.output)
    assert document["at"] == "2025-12-01T00:00:00+00:00"
    assert [each["mac"] for each in document["leases"]] == [ONE, TWO]
    assert document["leases"][0]["since"] == "2025-11-30T23:00:00Z"
    assert document["leases"][0]["published"] == "phone.example.org."
    assert ask("--at", "2025-12-01 02:00").output == "nobody at 2025-12-01 02:00:00\n"
    one = ("--at", "2025-12-01 01:30", "--json")
    for filters in (["--mac", TWO.upper()], ["--address", "192.168.4.2"], ["--network", "192.168.4.0/24"]):
        assert [each["mac"] for each in json.loads(ask(*one, *filters).output)["leases"]] == [TWO]
    assert [each["mac"] for each in json.loads(ask(*one, "--name", "PHONE").output)["leases"]] == [ONE]
    none = ask("--at", "2025-12-01 01:30", "--mac", THREE)
    assert (none.exit_code, none.output) == (0, "nobody at 2025-12-01 01:30:00\n")


def test_leases_history_for_people_and_programs(site, ask):
    assert ask("--history", ONE).output == f"nothing is known of {ONE}; there is no history yet\n"
    site.step(NOVEMBER, lease("192.168.3.1", ONE, "\x1b[2J[red]x\n"))
    site.step(NOVEMBER + 60, names={"192.168.3.1": "phone.example.org."})
    result = ask("--history", ONE)
    assert result.exit_code == 0
    assert "\x1b" not in result.output
    lines = result.output.splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("2025-11-17 20:01:00  changed  192.168.3.1  phone.example.org (was -)")
    assert lines[2].startswith("2025-11-17 20:00:00  got      192.168.3.1  -")
    assert lines[2].rstrip().endswith("\ufffd[2J[red]x\ufffd")
    events = json.loads(ask("--history", "phone", "--json").output)["events"]
    assert [(each["what"], each["when"]) for each in events] == [("changed", "2025-11-17T19:01:00+00:00")]
    assert events[0]["before"]["published"] is None
    unknown = ask("--history", "\x1b[2Jnone")
    assert (unknown.exit_code, "\x1b" in unknown.output) == (0, False)
    assert unknown.output.endswith("the history begins at 2025-11-17 20:00:00\n")


def test_leases_now_are_asked_of_the_daemon(site, ask, tmp_path):
    silent = ask()
    assert silent.exit_code == 1
    assert "no daemon answers" in str(silent.exception)

    until = "2025-11-17T20:00:00Z"
    rows = [
        {"address": "192.168.3.10", "mac": ONE, "name": "\x1b[2J[b]", "published": "a.x.", "network": "lan"},
        {"address": "192.168.3.9", "mac": TWO, "name": None, "published": None, "network": "lan"},
        {"address": "2001:db8::1", "mac": None, "name": "c", "published": None, "network": "guests"},
    ]
    document = {
        "leases": [{**row, "expires": None if row["mac"] == ONE else until, "since": NOVEMBER} for row in rows],
        "problems": ["line 3 cannot be read: \x1b[2J"],
    }

    def answer(request: Request, show: Callable[[str], None]) -> int:
        show(json.dumps(document))
        return 0

    server = ControlServer(tmp_path / "leases.sock", {"leases": answer})
    server.start()
    try:
        shown = ask()
        assert shown.exit_code == 0, shown.output
        assert "\x1b" not in shown.output
        lines = shown.output.splitlines()
        assert [line.split()[:2] for line in lines[1:4]] == [
            *(["guests", "2001:db8::1"], ["lan", "192.168.3.9"], ["lan", "192.168.3.10"])
        ]
        assert lines[3].split()[4:] == ["\ufffd[2J[b]", "2025-11-17", "20:00:00", "for", "ever"]
        assert lines[2].rstrip().endswith("2025-11-17 20:00:00  2025-11-17 21:00:00")
        assert lines[4] == "line 3 cannot be read: \ufffd[2J"
        assert json.loads(ask("--json").output) == document
        by_name = json.loads(ask("--json", "--network", "lan", "--name", "a").output)["leases"]
        assert [each["address"] for each in by_name] == ["192.168.3.10"]
        assert len(json.loads(ask("--json", "--network", "192.168.3.0/24").output)["leases"]) == 2
        assert ask("--mac", THREE).output.startswith("nobody such is connected\n")
        document["networks"] = ["guests", "lan"]
        unknown = ask("--network", "guest")
        assert (unknown.exit_code, "there is no network 'guest'; did you mean 'guests'?" in unknown.output) == (2, True)
        assert ask("--network", "10.0.0.0/8").output.startswith("nobody such is connected\n")
        document["leases"].clear()
        assert ask().output.startswith("nobody is connected\n")
    finally:
        server.stop()


def test_an_older_daemon_is_told_in_its_own_words(ask, tmp_path):
    server = ControlServer(tmp_path / "leases.sock", {})
    server.start()
    try:
        result = ask()
    finally:
        server.stop()
    assert result.exit_code == 1
    assert "older release" in result.output


def test_a_broken_history_is_an_error_in_a_sentence(site):
    site.step(NOVEMBER, lease("192.168.3.1", ONE))
    for path in (site.repo / "objects/pack").glob("*.pack"):
        path.unlink()
    with pytest.raises(BadRepository, match=r"cannot be read: .*fsck"):
        at(site.repo, NOVEMBER + int(timedelta(days=1).total_seconds()))
    with pytest.raises(BadRepository, match="cannot be read"):
        history(site.repo, ONE)
