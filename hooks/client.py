#!/usr/bin/python3 -IS
"""git's pre-receive and post-receive hook: hands the push to the daemon and shows its answer.

Installed under both names. It imports only what is compiled into Python, because everybody who pushes waits
for it. The protocol is described in reconciler/daemon/protocol.py.
"""

import _socket
import posix
import sys

CONTROL = "reconciler.control"
FALLBACK = "reconciler.fallback"
TIMEOUT = {"pre-receive": 60, "post-receive": 300}
QUARANTINE = (b"GIT_OBJECT_DIRECTORY", b"GIT_ALTERNATE_OBJECT_DIRECTORIES", b"GIT_QUARANTINE_PATH")

STORED = "the push is stored and will be applied at its start"
DOWN = "reconciler: the daemon is not running: " + STORED
DIED = {
    "pre-receive": "reconciler: the daemon ended before it had checked this push; nothing is stored",
    "post-receive": "reconciler: the daemon ended before it had answered: " + STORED,
}
LATE = {
    "pre-receive": "reconciler: no answer from the daemon; nothing is stored, see `reconciler status`",
    "post-receive": "reconciler: no answer from the daemon yet; the push is stored, see `reconciler status`",
}


def escape(value: bytes) -> bytes:
    """Printable ASCII without `%` as it is, every other byte as %XX."""
    return b"".join(b"%c" % byte if 32 <= byte < 127 and byte != 37 else b"%%%02X" % byte for byte in value)


def request(verb: str, updates: bytes) -> bytes:
    """The lines for one hook call, ended by an empty one."""
    env = posix.environ
    lines = [b"verb " + verb.encode(), b"uid %d" % posix.getuid(), b"pid %d" % posix.getppid()]
    lines += [b"update " + escape(line) for line in updates.splitlines()]
    for number in range(int(env.get(b"GIT_PUSH_OPTION_COUNT", b"0"))):
        lines.append(b"option " + escape(env.get(b"GIT_PUSH_OPTION_%d" % number, b"")))
    if env.get(b"RECONCILER_PUSHED_BY"):
        lines.append(b"pushed-by " + escape(env[b"RECONCILER_PUSHED_BY"]))
    lines += [b"env " + name + b" " + escape(env[name]) for name in QUARANTINE if name in env]
    return b"\n".join(lines) + b"\n\n"


def read_all(descriptor: int) -> bytes:
    """Everything up to end of file."""
    parts = []
    while part := posix.read(descriptor, 65536):
        parts.append(part)
    return b"".join(parts)


def read_lines(path: str) -> list[str]:
    """Lines of a small file; none if it cannot be read."""
    try:
        descriptor = posix.open(path, posix.O_RDONLY)
    except OSError:
        return []
    try:
        return read_all(descriptor).decode("utf-8", "surrogateescape").splitlines()
    finally:
        posix.close(descriptor)


def say(text: bytes) -> None:
    """Write a whole line to the person who pushes."""
    text += b"\n"
    while text:
        text = text[posix.write(1, text) :]


def connect(timeout: int) -> "_socket.socket | None":
    """A connection to the daemon, None if nobody listens."""
    control = read_lines(CONTROL)
    if not control:
        return None
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    connection.settimeout(timeout)
    try:
        connection.connect(control[0])
    except OSError:
        connection.close()
        return None
    return connection


def converse(connection: "_socket.socket", verb: str, message: bytes) -> int:
    """Send the request, show the answer's lines as they come, return the exit code."""
    try:
        connection.sendall(message)
        rest = b""
        while part := connection.recv(65536):
            *lines, rest = (rest + part).split(b"\n")
            for line in lines:
                if line.startswith(b"="):
                    return int(line[1:])
                say(line[1:])
        say(DIED[verb].encode())
    except TimeoutError:
        say(LATE[verb].encode())
    except ConnectionError:
        say(DIED[verb].encode())
    return 1


def alone(verb: str, updates: bytes) -> int:
    """Without the daemon: check the push in a process of its own; what is stored waits for the daemon."""
    if verb == "post-receive":
        say(DOWN.encode())
        return 0
    arguments = read_lines(FALLBACK)
    if not arguments:
        say(b"reconciler: the daemon is not running and nothing else can check this push; start it")
        return 1
    stdin = posix.memfd_create("updates")
    while updates:
        updates = updates[posix.write(stdin, updates) :]
    posix.lseek(stdin, 0, 0)
    posix.dup2(stdin, 0)
    try:
        posix.execv(arguments[0], arguments)
    except OSError as error:
        say(f"reconciler: the daemon is not running; {arguments[0]} failed: {error.strerror}".encode())
    return 1


def main() -> int:
    """Exit code of the hook that this file is installed as."""
    verb = sys.argv[0].rpartition("/")[2]
    updates = read_all(0)
    connection = connect(TIMEOUT[verb])
    if connection is None:
        return alone(verb, updates)
    return converse(connection, verb, request(verb, updates))


if __name__ == "__main__":
    try:
        posix._exit(main())
    except KeyboardInterrupt:
        posix._exit(130)
    except OSError:
        # Nobody reads our output any more: the person who pushed has gone.
        posix._exit(1)
