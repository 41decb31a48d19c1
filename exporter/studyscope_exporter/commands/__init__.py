"""The commands of `studyscope-exporter`, one module each: `arguments(parser)` and `execute(chosen) -> exit code`.

The module's docstring is the command's help.
"""

from studyscope_exporter.commands import approve, check, count, keygen, ledger, once, preview, run, scan, status, withdraw

COMMANDS = (keygen, check, scan, count, preview, approve, once, run, status, ledger, withdraw)
"""In the order in which a new site meets them."""
