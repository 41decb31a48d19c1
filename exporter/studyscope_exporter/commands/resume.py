"""let the numbers of a paused study move again

What came meanwhile is counted at the next grid point, under the same rules as ever.
"""

from __future__ import annotations

import argparse

from studyscope_exporter.commands.deciding import decide, decision_arguments
from studyscope_exporter.disclosure.decision import Decision


def arguments(parser: argparse.ArgumentParser) -> None:
    decision_arguments(parser, final=False)


def execute(chosen: argparse.Namespace) -> int:
    return decide(chosen, Decision.RESUME, ["Numbers move again from the next grid point on, as the policy allows."])
