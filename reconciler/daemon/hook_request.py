"""What a git hook tells the daemon, or the process that stands in for it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.daemon.protocol import ProtocolError, Request
from reconciler.git.receive import Update


@dataclass(frozen=True, slots=True)
class HookRequest:
    """One hook's call.

    verb: "pre-receive" or "post-receive". options: push options (`git push -o`). pushed_by: name of the ssh key, ""
    when there is none. uid: numeric user that runs the hook. environment: git's variables for the quarantine.
    pid: the receive-pack that runs it.
    """

    verb: str
    updates: tuple[Update, ...] = ()
    options: tuple[str, ...] = ()
    pushed_by: str = ""
    uid: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    pid: int | None = None


def interpret(request: Request) -> HookRequest:
    """Read a hook's request. Raises ProtocolError when a value is not of its form."""
    try:
        return HookRequest(
            verb=request.verb,
            updates=tuple(_update(text) for text in request.all("update")),
            options=request.all("option"),
            pushed_by=request.one("pushed-by"),
            uid=int(request.one("uid")) if request.one("uid") else None,
            environment=dict(_pair(text) for text in request.all("env")),
            pid=int(request.one("pid")) if request.one("pid") else None,
        )
    except ValueError as error:
        raise ProtocolError(f"not a hook's request: {error}; `reconciler init` installs matching hooks") from error


def _update(text: str) -> Update:
    old, new, ref = text.split(" ")
    return Update(old, new, ref)


def _pair(text: str) -> tuple[str, str]:
    key, space, value = text.partition(" ")
    if not space:
        raise ValueError(f"{text!r} has no value")
    return key, value
