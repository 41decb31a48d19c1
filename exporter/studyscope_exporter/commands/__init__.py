"""The commands of `studyscope-exporter`, one module each: `arguments(parser)` and `execute(chosen) -> exit code`.

The module's docstring is the command's help.
"""

from studyscope_exporter.commands import (
    approve,
    approver,
    attack,
    backup,
    cases,
    check,
    count,
    enrol,
    export_report,
    freeze,
    import_receipt,
    init,
    key,
    keygen,
    ledger,
    measures,
    move,
    once,
    page,
    pause,
    policy,
    preview,
    recover,
    restore,
    resume,
    run,
    scan,
    status,
    study,
    why,
    withdraw,
    withdraw_site,
)

COMMANDS = (
    init,
    keygen,
    enrol,
    check,
    scan,
    count,
    measures,
    preview,
    approve,
    once,
    run,
    page,
    status,
    study,
    cases,
    why,
    ledger,
    export_report,
    import_receipt,
    attack,
    backup,
    restore,
)
"""In the order in which a new site meets them."""

ACTS = (withdraw, pause, resume, freeze, withdraw_site, policy, approver, key, move, recover)
"""What people do on some days; docs/acts.md is about them."""
