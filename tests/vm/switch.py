"""The machines' network: an Ethernet switch of unix datagram sockets (QEMU's `-netdev dgram`).

Nothing of it touches the host's own network.
"""

import contextlib
import queue
import socket
import threading
from pathlib import Path

FRAMES = 2000
"""As many frames wait for a machine; more are dropped, as in a real switch."""
LARGEST = 70000


class Port:
    """One machine's cable. QEMU listens at `machine`, and sends to `switch`."""

    def __init__(self, folder: Path, name: str):
        self.switch = folder / f"{name}.switch"
        self.machine = folder / f"{name}.card"
        self.waiting: queue.Queue[bytes] = queue.Queue(FRAMES)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.switch))

    def offer(self, frame: bytes) -> None:
        with contextlib.suppress(queue.Full):
            self.waiting.put_nowait(frame)

    def deliver(self) -> None:
        """Runs in a thread: hand frames over; one for a machine that is off is lost."""
        out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        while frame := self.waiting.get():
            with contextlib.suppress(OSError):
                out.sendto(frame, str(self.machine))
        out.close()


class Switch:
    """Sends each frame to all other ports."""

    def __init__(self, folder: Path, names: list[str]):
        self.ports = {name: Port(folder, name) for name in names}
        for name, port in self.ports.items():
            threading.Thread(target=self._receive, args=(name,), daemon=True).start()
            threading.Thread(target=port.deliver, daemon=True).start()

    def _receive(self, name: str) -> None:
        others = [port for other, port in self.ports.items() if other != name]
        while True:
            try:
                frame = self.ports[name].socket.recv(LARGEST)
            except OSError:
                return
            if not frame:
                return
            for port in others:
                port.offer(frame)

    def close(self) -> None:
        """End the threads."""
        for port in self.ports.values():
            with contextlib.suppress(OSError):
                port.socket.shutdown(socket.SHUT_RDWR)
            port.socket.close()
            with contextlib.suppress(queue.Empty):
                while True:
                    port.waiting.get_nowait()
            port.waiting.put(b"")
