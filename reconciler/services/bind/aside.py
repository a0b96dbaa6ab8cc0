"""Keeping what is about to be overwritten and was not ours: hand edits, journals that do not fit, records of others."""

from pathlib import Path

from reconciler.services.bind import zonefile
from reconciler.services.bind.context import Context

FOLDER = "aside"


def save_aside(ctx: Context, path: Path, content: bytes) -> Path:
    """Save `content` of the file at `path` as DIRECTORY/aside/FILE.SERIAL; return where it lies now."""
    serial = zonefile.serial_in(path) or 0
    folder = ctx.settings.directory / FOLDER
    target = folder / f"{path.name}.{serial}"
    if target.exists() and target.read_bytes() != content:
        target = folder / f"{path.name}.{serial}.{zonefile.digest(content)[:8]}"
    ctx.effects.make_folder(folder)
    if not target.exists():
        ctx.effects.replace(target, content, mode=zonefile.MODE)
    return target
