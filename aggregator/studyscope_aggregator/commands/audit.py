"""every administrative act, and whether the log is whole

Exit code 1 when a line was altered or taken out.
"""

from __future__ import annotations

import argparse
import json

from studyscope_aggregator.audit_log import AuditLog
from studyscope_aggregator.settings import CentreSettings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs")


def execute(settings: CentreSettings, chosen: argparse.Namespace) -> int:
    log = AuditLog(settings.registry)
    broken = log.first_broken_line()
    if broken is not None:
        print(f"{log.path}, line {broken}: altered, or a line before it is missing; compare with your backup")
        return 1
    for act in log.acts():
        if chosen.json:
            print(json.dumps({"at": act.at.isoformat(), "by": act.by, "act": act.act, "facts": act.facts}))
        else:
            facts = ", ".join(f"{name} {_said(value)}" for name, value in act.facts.items() if value not in ("", None, []))
            print(f"{act.at:%Y-%m-%d %H:%M:%SZ}  {act.by}  {act.act}: {facts}")
    return 0


def _said(value: object) -> str:
    return " and ".join(str(one) for one in value) if isinstance(value, list) else str(value)
