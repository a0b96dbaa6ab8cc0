"""The host's side of the command channel (guest/usr/local/sbin/vm-agent), and QEMU's own control channel."""

import base64
import itertools
import json
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vm.waiting import Failed

GRACE = 20.0
"""Seconds by which an answer may be later than the command's own bound: emulation, and a machine shared with others."""


@dataclass(frozen=True)
class Result:
    """How a command in a machine ended."""

    code: int
    out: str
    err: str


def connect(path: Path, timeout: float = 20) -> socket.socket:
    """Connect to a socket that QEMU makes when it starts."""
    end = time.monotonic() + timeout
    while True:
        made = socket.socket(socket.AF_UNIX)
        try:
            made.connect(str(path))
        except OSError:
            made.close()
            if time.monotonic() > end:
                raise Failed(f"QEMU has no socket {path.name} after {timeout:.0f} s") from None
            time.sleep(0.02)
        else:
            return made


class Channel:
    """Commands to one machine; several threads may ask at once."""

    def __init__(self, path: Path, name: str):
        self.name = name
        self.hello = threading.Event()
        self._socket = connect(path)
        self._ids = itertools.count(1)
        self._answered = threading.Condition()
        self._answers: dict[int, dict[str, Any]] = {}
        self._writing = threading.Lock()
        self._ended = False
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with self._socket.makefile("rb") as lines:
            try:
                for line in lines:
                    self._note(json.loads(line))
            except (OSError, ValueError):
                pass
        with self._answered:
            self._ended = True
            self._answered.notify_all()

    def _note(self, answer: dict[str, Any]) -> None:
        if answer["id"] == 0:
            self.hello.set()
            return
        with self._answered:
            self._answers[answer["id"]] = answer
            self._answered.notify_all()

    def ask(self, request: dict[str, Any], timeout: float) -> dict[str, Any]:
        """Raises Failed when no answer comes, or the machine is gone."""
        number = next(self._ids)
        line = json.dumps({"id": number, **request}).encode() + b"\n"
        try:
            with self._writing:
                self._socket.sendall(line)
        except OSError as error:
            raise Failed(f"{self.name} is off ({error})") from error
        with self._answered:
            self._answered.wait_for(lambda: number in self._answers or self._ended, timeout)
            if number in self._answers:
                return self._answers.pop(number)
        what = request.get("command", request.get("put", request.get("get")))
        raise Failed(
            f"{self.name}: {'switched off during' if self._ended else f'no answer in {timeout:.0f} s to'} {what!r}"
        )

    def run(self, command: str, timeout: float) -> Result:
        answer = self.ask({"command": command, "timeout": timeout}, timeout + GRACE)
        return Result(answer["code"], answer["out"], answer["err"])

    def put(self, path: str, data: bytes, mode: int) -> None:
        answer = self.ask({"put": path, "data": base64.b64encode(data).decode(), "mode": mode}, 60 + GRACE)
        if answer["code"]:
            raise Failed(f"{self.name}: cannot write {path}: {answer['err']}")

    def get(self, path: str) -> bytes:
        answer = self.ask({"get": path}, 60 + GRACE)
        if answer["code"]:
            raise Failed(f"{self.name}: cannot read {path}: {answer['err']}")
        return base64.b64decode(answer["data"])

    def close(self) -> None:
        self._socket.close()


def qmp(path: Path, command: str, **arguments: Any) -> Any:
    """One command to QEMU itself (QEMU Machine Protocol); its answer. Raises Failed."""
    with connect(path) as made, made.makefile("rw") as stream:
        stream.readline()
        answer: dict[str, Any] = {}
        for name, details in (("qmp_capabilities", {}), (command, arguments)):
            stream.write(json.dumps({"execute": name, "arguments": details}) + "\n")
            stream.flush()
            answer = json.loads(stream.readline())
            while "event" in answer:
                answer = json.loads(stream.readline())
            if "error" in answer:
                raise Failed(f"QEMU: {name}: {answer['error']['desc']}")
        return answer["return"]
