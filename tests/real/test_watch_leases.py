"""The lease file's watcher sees each way in which the file changes, comes and goes, and keeps no mount busy."""

import os
import select
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from servers import wait_until

from reconciler.errors import Temporary
from reconciler.watch.leases import KEA_SIBLINGS, Folder, LeaseWatch
from reconciler.watch.read_stable import read_stable

pytestmark = pytest.mark.real

mounting = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
LEASE = b"1795235765 52:54:00:12:34:56 192.168.1.100 guest-pc 01:52:54:00:12:34:56\n"


class Wakes:
    def __init__(self) -> None:
        self.count = 0
        self.event = threading.Event()

    def __call__(self) -> None:
        self.count += 1
        self.event.set()

    def during(self, change: Callable[[], object]) -> None:
        """Wait for the wake of `change`."""
        self.event.clear()
        change()
        assert self.event.wait(60)


@contextmanager
def watching(path: Path, **options: object) -> Iterator[tuple[Wakes, LeaseWatch]]:
    wakes = Wakes()
    watch = LeaseWatch(path, wakes, **options)  # type: ignore[arg-type]
    wakes.during(watch.start)
    try:
        yield wakes, watch
    finally:
        watch.stop()
        assert not watch.alive()


@contextmanager
def looking(path: Path, *names: str) -> Iterator[Callable[[], bool]]:
    """The source without its thread: whether what has come by now matters."""
    folder = Folder(path, {path.name, *names})
    try:
        folder.ready(())

        def matters() -> bool:
            poller = select.poll()
            for descriptor, events in folder.descriptors().items():
                poller.register(descriptor, events)
            found = [descriptor for descriptor, _ in poller.poll(0)]
            return bool(found) and folder.ready(found)

        yield matters
    finally:
        folder.close()


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


def umount(place: Path) -> int:
    return subprocess.run(["umount", str(place)], check=False, capture_output=True).returncode


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder to mount on; whatever is mounted there is unmounted in the end."""
    made = tmp_path / "with space"
    made.mkdir()
    yield made
    while os.path.ismount(made):
        subprocess.run(["umount", "-l", str(made)], check=True)


def tmpfs(place: Path) -> None:
    mount("-t", "tmpfs", "-o", "size=4m", "reconciler-test", str(place))


@pytest.fixture
def leases(tmp_path: Path) -> Path:
    path = tmp_path / "dhcp" / "dnsmasq.leases"
    path.parent.mkdir()
    path.write_bytes(LEASE)
    return path


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(LEASE)


def rename_over(path: Path) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_bytes(LEASE * 2)
    fresh.replace(path)


def chmod(path: Path) -> None:
    path.chmod(0o600)


def chmod_folder(path: Path) -> None:
    path.parent.chmod(0o700)


def truncate(path: Path) -> None:
    os.truncate(path, 0)


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("change", [append, rename_over, Path.unlink, chmod, chmod_folder, truncate, folder_instead])
def test_a_change_wakes(leases: Path, change: Callable[[Path], None]) -> None:
    with watching(leases) as (wakes, watch):
        wakes.during(lambda: change(leases))
        assert watch.problem is None


def test_rewriting_in_place_wakes_though_nothing_is_closed(leases: Path) -> None:
    with leases.open("r+b", buffering=0) as server, watching(leases) as (wakes, _):
        for count in range(1, 20):

            def rewrite(count: int = count) -> None:
                server.seek(0)
                server.truncate(0)
                server.write(LEASE * count)

            wakes.during(rewrite)
            wait_until(lambda count=count: read_stable(leases) == (LEASE * count, None))  # type: ignore[misc]


def test_deleted_and_made_anew(leases: Path) -> None:
    with watching(leases) as (wakes, _):
        for _ in range(5):
            wakes.during(leases.unlink)
            wakes.during(lambda: leases.write_bytes(LEASE))


def test_a_burst_makes_few_wakes(leases: Path) -> None:
    with watching(leases, quiet=5.0, latest=0.2) as (wakes, _):
        before = wakes.count

        def burst() -> None:
            for _ in range(2000):
                leases.write_bytes(LEASE)

        wakes.during(burst)
        assert 1 <= wakes.count - before <= 200


def test_other_files_and_reading_do_not_matter(leases: Path) -> None:
    with looking(leases, "dnsmasq.leases.macs") as matters:
        (leases.parent / "other").write_bytes(LEASE)
        (leases.parent / "dnsmasq.leases.tmp").write_bytes(LEASE)
        (leases.parent / "folder").mkdir()
        (leases.parent / "folder/dnsmasq.leases").write_bytes(LEASE)
        (leases.parent.parent / "dnsmasq.leases").write_bytes(LEASE)
        leases.read_bytes()
        read_stable(leases)
        list(leases.parent.iterdir())
        assert not matters()
        (leases.parent / "dnsmasq.leases.macs").write_bytes(b"")
        assert matters()
        assert not matters()
        append(leases)
        assert matters()


def test_kea_cleans_up_its_files(leases: Path) -> None:
    """The renames and removals of Kea's lease file cleanup (Kea's administrator guide, "Lease file cleanup")."""
    path = leases.with_name("kea-leases4.csv")
    first, second, output, completed = (Path(f"{path}{end}") for end in (".1", ".2", ".output", ".completed"))
    path.write_bytes(b"address\n")
    with looking(path, *(f"{path.name}{end}" for end in KEA_SIBLINGS)) as matters:
        path.rename(first)
        assert matters()
        path.write_bytes(b"address\n")
        assert matters()
        output.write_bytes(b"address\n")
        assert not matters()
        output.rename(completed)
        assert matters()
        first.unlink()
        assert matters()
        completed.rename(second)
        assert matters()


def test_folder_that_is_absent_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "a/b/c/leases"
    with watching(path) as (wakes, watch):
        assert str(tmp_path / "a") in str(watch.problem)
        wakes.during(lambda: path.parent.mkdir(parents=True))
        wait_until(lambda: watch.problem is None)
        wakes.during(lambda: path.write_bytes(LEASE))


@pytest.mark.parametrize("level", [1, 2])
def test_folder_that_is_removed_moved_and_made_anew(tmp_path: Path, level: int) -> None:
    path = tmp_path / "a/b/leases"
    path.parent.mkdir(parents=True)
    gone = path.parents[level - 1]
    with watching(path) as (wakes, watch):
        for _ in range(3):
            path.write_bytes(LEASE)
            wakes.during(lambda: shutil.rmtree(gone))
            wait_until(lambda: "waiting for it" in str(watch.problem))
            wakes.during(lambda: path.parent.mkdir(parents=True))
            wait_until(lambda: watch.problem is None)
            wakes.during(lambda: path.write_bytes(LEASE))
        wakes.during(lambda: gone.rename(tmp_path / "away"))
        wait_until(lambda: watch.problem is not None)
        wakes.during(lambda: (tmp_path / "away").rename(gone))
        wait_until(lambda: watch.problem is None)
        wakes.during(lambda: append(path))


def test_link_on_the_way_that_leads_elsewhere(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "leases").write_bytes(LEASE)
    link = tmp_path / "link"
    link.symlink_to("one")
    with watching(link / "leases") as (wakes, _):
        wakes.during(lambda: append(tmp_path / "one/leases"))
        (tmp_path / "next").symlink_to("two")
        wakes.during(lambda: (tmp_path / "next").rename(link))
        wakes.during(lambda: append(tmp_path / "two/leases"))


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    path = tmp_path / "a/leases"
    with watching(path) as (wakes, watch):
        assert "no folder" in str(watch.problem)
        (tmp_path / "a").unlink()
        wakes.during(path.parent.mkdir)
        wait_until(lambda: watch.problem is None)


@mounting
def test_unmounted_and_mounted_again(place: Path) -> None:
    path = place / "dhcp/leases"
    with watching(path) as (wakes, watch):
        for count in range(1, 6):
            wakes.during(lambda: tmpfs(place))
            wakes.during(path.parent.mkdir)
            wait_until(lambda: watch.problem is None)
            wakes.during(lambda count=count: path.write_bytes(LEASE * count))  # type: ignore[misc]
            wait_until(lambda count=count: read_stable(path) == (LEASE * count, None))  # type: ignore[misc]
            assert wakes.during(lambda: umount(place)) is None
            assert not os.path.ismount(place)
            wait_until(lambda: "waiting for it" in str(watch.problem))


@mounting
def test_mounted_over_a_folder_with_a_lease_file(place: Path) -> None:
    """A folder of the same name lies below the mount, as a carelessly written file before the first mount does."""
    path = place / "leases"
    path.write_bytes(b"below\n")
    with watching(path) as (wakes, watch):
        wakes.during(lambda: tmpfs(place))
        wait_until(lambda: read_stable(path) is None)
        wakes.during(lambda: path.write_bytes(LEASE))
        wakes.during(lambda: umount(place))
        wait_until(lambda: read_stable(path) == (b"below\n", None))
        wakes.during(lambda: append(path))
        assert watch.problem is None


@mounting
def test_lazily_unmounted(place: Path) -> None:
    """The filesystem lives on, somebody has a file open in it: there is no IN_UNMOUNT."""
    tmpfs(place)
    path = place / "leases"
    with path.open("wb", buffering=0) as held, watching(path) as (wakes, watch):
        assert umount(place) != 0, "the file that is held was to keep it busy"
        wakes.during(lambda: subprocess.run(["umount", "-l", str(place)], check=True))
        wakes.during(lambda: path.write_bytes(LEASE))
        wakes.during(lambda: tmpfs(place))
        wakes.during(lambda: path.write_bytes(LEASE))
        held.write(LEASE)
        assert watch.problem is None


@mounting
def test_mounts_elsewhere_are_no_reason_to_look(place: Path, tmp_path: Path) -> None:
    path = tmp_path / "dhcp/leases"
    path.parent.mkdir()
    with looking(path) as matters:
        tmpfs(place)
        assert not matters()
        assert umount(place) == 0
        assert not matters()


@mounting
def test_umount_succeeds_at_any_time_under_write_load(place: Path) -> None:
    """A server in full work on the mount stops for the unmount; the watcher does not, and must not be in the way."""
    path = place / "leases"
    serving, stop = threading.Lock(), threading.Event()

    def serve() -> None:
        while not stop.is_set():
            with serving:
                if os.path.ismount(place):
                    with path.open("wb", buffering=0) as file:
                        for _ in range(20):
                            file.seek(0)
                            file.truncate(0)
                            file.write(LEASE * 50)

    server = threading.Thread(target=serve)
    with watching(path) as (wakes, watch):
        server.start()
        try:
            for _ in range(20):
                wakes.during(lambda: tmpfs(place))
                wait_until(path.exists)
                wakes.event.clear()
                assert wakes.event.wait(60), "blind after the mount"
                with serving:
                    assert umount(place) == 0
        finally:
            stop.set()
            server.join()
        assert watch.alive()


def events_allowed() -> int:
    return int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())


def fill_the_queue(folder: Path) -> None:
    """With events that do not matter. Alternating, or the kernel would make one of them."""
    others = [folder / "one", folder / "two"]
    for number in range(events_allowed() + 10):
        others[number % 2].touch()


fillable = pytest.mark.skipif(events_allowed() > 200_000, reason="the kernel's queue is too long to be filled")


@fillable
def test_more_events_than_the_kernel_keeps(leases: Path) -> None:
    with looking(leases) as matters:
        fill_the_queue(leases.parent)
        append(leases)
        assert matters()
        assert not matters()
        append(leases)
        assert matters()


@fillable
def test_folder_replaced_while_events_were_lost(leases: Path) -> None:
    with looking(leases) as matters:
        fill_the_queue(leases.parent)
        shutil.rmtree(leases.parent)
        leases.parent.mkdir()
        leases.write_bytes(LEASE)
        assert matters()
        append(leases)
        assert matters()


def test_name_that_is_no_text(leases: Path) -> None:
    """pyinotify ends in the middle of such a batch of events."""
    with watching(leases) as (wakes, watch):
        for number in range(5):

            def change(number: int = number) -> None:
                Path(os.fsdecode(os.fsencode(leases.parent) + b"/\xff%d" % number)).touch()
                append(leases)

            wakes.during(change)
        wakes.during(lambda: append(leases))
        assert watch.alive()


def test_what_is_woken_may_fail(leases: Path) -> None:
    wakes = Wakes()

    def failing() -> None:
        wakes()
        raise ValueError("a mistake elsewhere")

    watch = LeaseWatch(leases, failing)
    wakes.during(watch.start)
    try:
        wakes.during(lambda: append(leases))
        assert watch.alive()
    finally:
        watch.stop()


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_stop_leaves_no_thread_and_no_descriptor(leases: Path) -> None:
    before, threads = descriptors(), threading.active_count()
    for _ in range(3):
        with watching(leases) as (wakes, watch):
            wakes.during(watch.start)
            wakes.during(lambda: append(leases))
            assert threading.active_count() == threads + 1
            links = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
            assert not [link for link in links if link.startswith(str(leases.parent))]
        watch.stop()
        assert watch.problem
    assert descriptors() == before
    assert threading.active_count() == threads


def test_folders_that_went_are_watched_no_more(leases: Path, tmp_path: Path) -> None:
    folder = Folder(leases, {leases.name})

    def watches() -> int:
        info = Path(f"/proc/self/fdinfo/{folder._manager.get_fd()}").read_text()
        return info.count("\ninotify ") + len(folder._manager.watches)

    try:
        folder.ready(())
        before = watches()
        for number in range(5):
            leases.parent.rename(tmp_path / f"away{number}")
            leases.parent.mkdir()
            folder.ready(())
        assert watches() == before
    finally:
        folder.close()


def test_programs_that_are_run_inherit_nothing(leases: Path) -> None:
    with watching(leases):
        done = subprocess.run(
            ["ls", "-l", "/proc/self/fd"], close_fds=False, capture_output=True, text=True, check=True
        )
        assert not [line for line in done.stdout.splitlines() if "anon_inode" in line or "mountinfo" in line]


def test_no_instance_left_is_told(leases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("Cannot initialize new instance of inotify, Errno=Too many open files (EMFILE)")

    monkeypatch.setattr("pyinotify.WatchManager", refuse)
    before = descriptors()
    watch = LeaseWatch(leases, Wakes())
    with pytest.raises(Temporary, match="max_user_instances"):
        watch.start()
    assert not watch.alive()
    assert descriptors() == before


DENIED = """\
import sys
from pathlib import Path
from reconciler.watch.leases import Folder
from reconciler.watch.read_stable import Unreadable, read_stable
path = Path(sys.argv[1])
folder = Folder(path, {path.name})
folder.ready(())
print(folder.problem, folder.retry)
try:
    read_stable(path)
except Unreadable as error:
    print(error)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user to be denied")
def test_permission_denied_is_told_and_tried_again(leases: Path) -> None:
    leases.parent.chmod(0o700)
    argv = ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-c", DENIED, str(leases)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    if "No module named" in done.stderr or "Permission denied" in done.stderr:
        pytest.skip("this checkout is not readable for others")
    assert f"cannot watch {leases.parent}: Permission denied 5.0" in done.stdout
    assert "cannot read" in done.stdout and "the daemon's user has to be allowed" in done.stdout
