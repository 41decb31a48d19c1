"""The commands of `studyscope-aggregator`, one module each: `arguments(parser)` and `execute(settings, chosen) -> exit code`.

The module's docstring is the command's help. `init` comes before there are settings: it has `found`.
"""

from studyscope_aggregator.commands import check, keygen, serve, status

COMMANDS = (keygen, check, serve, status)
"""In the order in which a new centre meets them."""
