"""Stands in for the root helper where there is no systemd: same protocol, for servers started here."""

import contextlib
import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from reconciler.errors import ReconcilerError

LONGEST = 128
"""Bytes that a request may have, its newline included."""

_TIMEOUT = 5.0


class Restartable(Protocol):
    """A server that somebody here started."""

    def restart(self) -> None:
        """Stop and start; raises ReconcilerError with the server's words."""
        ...

    def reload(self) -> None:
        """SIGHUP; raises ReconcilerError when it does not run."""
        ...


class Helper:
    """Answers `VERB UNIT\\n` with `ok\\n` or `error: …\\n`, on a Unix socket, in a thread of its own."""

    def __init__(self, path: Path, units: Mapping[str, Restartable]) -> None:
        self.path = path
        self._units = units
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self.done: list[str] = []

    def start(self) -> None:
        """Listen."""
        self.path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(self.path))
        self.path.chmod(0o600)
        self._socket.listen(8)
        self._thread = threading.Thread(target=self._serve, args=(self._socket,), name="helper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; the socket goes, the servers stay."""
        if self._socket is None or self._thread is None:
            return
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(_TIMEOUT)
        self.path.unlink(missing_ok=True)
        self._socket = None

    def answer(self, request: bytes) -> str:
        """Carry out one request; what the asker is told."""
        if len(request) > LONGEST or not request.endswith(b"\n"):
            return f"error: expected one line VERB UNIT of at most {LONGEST} bytes"
        verb, _, unit = request.decode("ascii", "replace").strip().partition(" ")
        server = self._units.get(unit)
        if verb not in ("restart", "reload"):
            return "error: the verb is neither restart nor reload"
        if server is None:
            return "error: no such unit here"
        try:
            if verb == "restart":
                server.restart()
            else:
                server.reload()
        except ReconcilerError as error:
            return "error: " + " ".join(str(error).split())
        self.done.append(f"{verb} {unit}")
        return "ok"

    def _serve(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(_TIMEOUT)
                request = b""
                while len(request) <= LONGEST and not request.endswith(b"\n"):
                    part = connection.recv(LONGEST + 1 - len(request))
                    if not part:
                        break
                    request += part
                connection.sendall(f"{self.answer(request)}\n".encode())
