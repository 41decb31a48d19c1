"""let the numbers of a study stand still for a while

What is shown stays as it is; nothing new is shown until `resume`. Reports go on, and say that the
site has paused: nobody takes it for an outage. Scans go on, and so do withdrawals of patients.
"""

from __future__ import annotations

import argparse

from studyscope_exporter.commands.deciding import decide, decision_arguments
from studyscope_exporter.disclosure.decision import Decision


def arguments(parser: argparse.ArgumentParser) -> None:
    decision_arguments(parser, final=False)


def execute(chosen: argparse.Namespace) -> int:
    return decide(
        chosen,
        Decision.PAUSE,
        [
            "The numbers that are shown stay; none moves until you resume. The centre sees that the site has paused, not why.",
            "After a time that the study sets, its current totals leave a paused site out; the last known ones keep it.",
        ],
    )
