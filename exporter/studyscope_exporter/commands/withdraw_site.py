"""take this site out of a study: its numbers leave the centre's screens and totals

From the next report on nothing is shown, and the centre leaves the site out of every total. What
the state held of patients is erased at once. The ledger stays, and so does the centre's history of
what was shown before: ask the coordinator to purge it.
"""

from __future__ import annotations

import argparse

from studyscope_exporter.commands.deciding import decide, decision_arguments
from studyscope_exporter.disclosure.decision import Decision


def arguments(parser: argparse.ArgumentParser) -> None:
    decision_arguments(parser, final=True)


def execute(chosen: argparse.Namespace) -> int:
    return decide(
        chosen,
        Decision.WITHDRAW,
        [
            "This site leaves the study: its numbers disappear from the centre's screens and totals, for good.",
            "What the state of this study holds of patients is erased now. The ledger stays as evidence.",
            "What was shown before stays in the centre's history until its coordinator purges it.",
        ],
    )
