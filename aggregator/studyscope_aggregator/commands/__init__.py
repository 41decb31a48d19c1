"""The commands of `studyscope-aggregator`, one module each: `arguments(parser)` and `execute(settings, chosen) -> exit code`.

The module's docstring is the command's help. `init` comes before there are settings: it has `found`.
"""

from studyscope_aggregator.commands import (
    audit,
    check,
    contacts,
    fetch,
    history,
    import_,
    keygen,
    passport,
    purge,
    report,
    retract,
    serve,
    site,
    site_reports,
    sites,
    status,
    study,
    tokens,
)

COMMANDS = (
    keygen,
    check,
    serve,
    status,
    sites,
    study,
    contacts,
    site,
    site_reports,
    retract,
    purge,
    history,
    import_,
    report,
    passport,
    fetch,
    tokens,
    audit,
)
"""In the order in which a new centre meets them."""
