"""Keeping what BIND's folder held and is about to be overwritten."""

from pathlib import Path

from reconciler.services import aside
from reconciler.services.aside import FOLDER
from reconciler.services.bind import zonefile
from reconciler.services.bind.context import Context


def save_aside(ctx: Context, path: Path, content: bytes) -> Path:
    """Save `content` of the file at `path` as DIRECTORY/aside/FILE.SERIAL; return where it lies now."""
    serial = zonefile.serial_in(path) or 0
    return aside.keep(ctx.settings.directory / FOLDER, path.name, str(serial), content, ctx.effects)
