"""Real state repositories, clones and a stand-in for the daemon's control socket, for tests with git."""

import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from reconciler.daemon.hook_request import HookRequest, interpret
from reconciler.daemon.protocol import encode_end, encode_line, read_request
from reconciler.effects import Effects
from reconciler.git import setup
from reconciler.role.always import Always

IDENTITY = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
FILES = {"site.yaml": "version: 1\n", "hosts.yaml": "a: {}\n", "zones/example.org.yaml": "www: {}\n"}


def wait_until(predicate: Callable[[], bool], *, timeout: float = 20.0) -> None:
    deadline = time.monotonic() + timeout
    while not predicate():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.01)


def git(folder: Path, *arguments: str, check: bool = True, env: dict[str, str] | None = None) -> str:
    """Run git; its whole output, errors included."""
    result = subprocess.run(
        ["git", "-C", str(folder), *IDENTITY, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", **(env or {})},
        check=False,
    )
    text = result.stdout.decode()
    assert not check or result.returncode == 0, text
    return text


def effects(tmp_path: Path) -> Effects:
    return Effects(Always(), helper=tmp_path / "helper.sock")


def state_repo(tmp_path: Path, *, fallback: Sequence[str] = ()) -> Path:
    repo = tmp_path / "state.git"
    setup.create(repo, branch="main", control=tmp_path / "control.sock", fallback=fallback, effects=effects(tmp_path))
    return repo


def commit(folder: Path, files: dict[str, str], message: str = "change") -> str:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)
    return git(folder, "rev-parse", "HEAD").strip()


def clone(repo: Path, folder: Path) -> Path:
    """A clone with a first commit that is not pushed yet."""
    git(repo.parent, "clone", "--quiet", str(repo), str(folder))
    git(folder, "symbolic-ref", "HEAD", "refs/heads/main")
    commit(folder, FILES, "first")
    return folder


def filled(tmp_path: Path) -> tuple[Path, str]:
    """A repository with one commit on main, without the hooks' help."""
    repo = state_repo(tmp_path)
    work = clone(repo, tmp_path / "filler")
    head = git(work, "rev-parse", "HEAD").strip()
    git(repo, "-c", "core.hooksPath=/dev/null", "fetch", "--quiet", str(work), "main:main")
    return repo, head


Handler = Callable[[HookRequest], bytes]


def answer(lines: Iterable[str], code: int) -> bytes:
    return b"".join(map(encode_line, lines)) + encode_end(code)


class Control:
    """Answers hooks on a socket as `handler` says; an empty answer is a daemon that dies."""

    def __init__(self, path: Path, handler: Handler = lambda request: answer([], 0)) -> None:
        self.requests: list[HookRequest] = []
        self._handler = handler
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "Control":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as stream:
                request = interpret(read_request(stream))
                self.requests.append(request)
                try:
                    connection.sendall(self._handler(request))
                except BrokenPipeError:
                    continue
