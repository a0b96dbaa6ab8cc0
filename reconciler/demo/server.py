"""A server process of one's own: started in the foreground, waited for, stopped by its pid."""

import subprocess
import time
from pathlib import Path

from reconciler.errors import ReconcilerError

_START = 60.0
_POLL = 0.02


class OwnServer:
    """Starts and stops one process; who inherits says what is run (`command`) and when it serves (`serves`).

    log: gets what it says.
    """

    def __init__(self, name: str, log: Path) -> None:
        self.log = log
        self._name = name
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """What is run; it stays in the foreground."""
        raise NotImplementedError

    def serves(self, said: bytes) -> bool:
        """Whether it is ready. said: what it has said since its start."""
        raise NotImplementedError

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start it and wait until it serves. Raises ReconcilerError with the end of its log if it does not."""
        argv = self.command()
        with self.log.open("ab") as log:
            offset = log.tell()
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + _START
        while time.monotonic() < deadline and self.pid is not None:
            if self.serves(self._said(offset)):
                return
            time.sleep(_POLL)
        self.stop()
        tail = self._said(offset).decode(errors="replace").splitlines()[-8:]
        raise ReconcilerError(f"{self._name} did not start; the end of its log:\n" + "\n".join(tail))

    def stop(self) -> None:
        """End it (SIGTERM, after ten seconds SIGKILL) and wait."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End it as a power cut would: SIGKILL, nothing flushed."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def _said(self, offset: int) -> bytes:
        with self.log.open("rb") as log:
            log.seek(offset)
            return log.read()
