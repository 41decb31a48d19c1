"""stop the numbers of a study for good: what is shown stays, nothing new ever comes

For when something is wrong and nobody knows yet how wrong. There is no resume: only `recover`,
signed by two approvers, opens the tables again, as a new generation.
To show nothing any more, see `withdraw-site`. What was published before cannot be called back.
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
        Decision.FREEZE,
        [
            "The numbers that are shown stay as they are, for good; the centre shows this site as frozen.",
            "Only recover, signed by two approvers, opens the tables again, once enough other patients have come.",
        ],
    )
