"""What BIND serves now: named.conf, what it includes, master files and journals.

conf (lexer, includes) ──▶ read (statements) ──▶ zone ──▶ sources, compiled (named-compilezone), numbering ──▶ FoundDns
"""

from reconciler.importing.bind.read import read_named as read_named
