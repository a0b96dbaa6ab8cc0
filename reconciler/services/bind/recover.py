"""After a crash: no zone stays frozen, no staged file lies about."""

from collections.abc import Sequence

from reconciler.dns import serials
from reconciler.dns.versions import shown
from reconciler.errors import ApplyFailed, Temporary
from reconciler.services import aside
from reconciler.services.base import Say
from reconciler.services.bind import zonefile
from reconciler.services.bind.aside import save_aside
from reconciler.services.bind.context import Context
from reconciler.services.bind.dynamic import thaw
from reconciler.services.bind.transfer import transfer


def recover(ctx: Context, dynamic: Sequence[str], say: Say) -> None:
    """Remove our staged files; thaw the zones that are frozen. A named that is down has none and is no error."""
    for path in aside.remove_staged(ctx.settings.directory, ctx.effects):
        say(f"bind: removed {path}, left from an apply that was cut off")
    try:
        for name in dynamic:
            if ctx.rndc.status(name).frozen:
                _thaw(ctx, name, say)
    except Temporary as error:
        say(f"bind: cannot look for frozen zones: {error}")


def _thaw(ctx: Context, name: str, say: Say) -> None:
    path = ctx.path(name)
    live = ctx.server(name).live(name)
    complaints = ctx.checker.file(name, path) if path.exists() else [f"{path} is gone"]
    if complaints:
        # named would stay frozen on it, or refuse the zone at its next start; what it serves is good.
        if path.exists():
            save_aside(ctx, path, path.read_bytes())
        theirs = transfer(ctx.server(name), name, ctx.key(name))
        ctx.effects.unlink(zonefile.journal(path))
        ctx.effects.replace(path, theirs.zone.text(serials.add(theirs.serial, 1)).encode(), mode=zonefile.MODE)
        say(f"bind: {complaints[0]}; wrote what named serves instead")
    elif zonefile.serial_in(path) != live.serial and zonefile.journal(path).exists():
        # A new file beside the journal of the one before it: safe to remove only while frozen.
        ctx.effects.unlink(zonefile.journal(path))
    try:
        thaw(ctx, name)
    except ApplyFailed as error:
        say(f"bind: {error}")
        return
    say(f"bind: thawed zone {shown(name)}, which an apply that was cut off had left frozen")
