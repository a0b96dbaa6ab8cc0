#!/usr/bin/env python3
"""Unpack a kernel: `vmlinux.py VMLINUZ VMLINUX`, as the kernel's scripts/extract-vmlinux does."""

import lzma
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

ELF = b"\x7fELF"


def by_program(*argv: str) -> Callable[[bytes], bytes]:
    return lambda data: subprocess.run(argv, input=data, capture_output=True, check=False).stdout


FORMS: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x02\x21\x4c\x18": by_program("lz4", "-dcq"),
    b"\xfd7zXZ\x00": lambda data: lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(data),
    b"\x28\xb5\x2f\xfd": by_program("zstd", "-dcq"),
    b"\x1f\x8b\x08": lambda data: zlib.decompressobj(31).decompress(data),
}
"""First bytes of a compressed part, and how to unpack it; what follows it in the file does not matter."""


def unpacked(image: bytes) -> bytes:
    """The ELF kernel inside a bzImage."""
    for magic, unpack in FORMS.items():
        at = image.find(magic)
        while at >= 0:
            try:
                kernel = unpack(image[at:])
            except (lzma.LZMAError, zlib.error):
                kernel = b""
            if kernel.startswith(ELF):
                return kernel
            at = image.find(magic, at + 1)
    raise SystemExit("no compressed kernel found in the image; is it of a new form?")


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(unpacked(Path(sys.argv[1]).read_bytes()))
