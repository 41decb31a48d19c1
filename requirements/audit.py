"""Asks an index of known vulnerabilities about everything that we install: python requirements/audit.py [--osv URL]

Exit code 1 when something is known about a package. Where no index answers, it says that nothing was audited, and ends with 0:
a machine without internet is no reason to stop.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LOCKED = Path(__file__).parent / "constraints.txt"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--osv", metavar="URL", help="an OSV server's /v1/query instead of PyPI's own answers")
    parser.add_argument("--locked", type=Path, default=LOCKED, metavar="FILE", help="requirements with hashes")
    chosen = parser.parse_args(arguments)
    found = asked(chosen.locked, chosen.osv)
    if isinstance(found, str):
        print(f"NOT AUDITED: no index answered ({found})")
        return 0
    known = [one for one in found if one.get("vulns")]
    skipped = [one["name"] for one in found if "skip_reason" in one]
    if len(skipped) == len(found):
        print(
            f"NOT AUDITED: the index here knows none of the {len(found)} packages. Run it where pypi.org or osv.dev is reached."
        )
        return 0
    for one in known:
        for each in one["vulns"]:
            fixed = ", ".join(each["fix_versions"]) or "no release yet"
            print(f"{one['name']} {one['version']}: {each['id']} {' '.join(each.get('aliases', ()))}; mended in {fixed}")
    unknown = f", {len(skipped)} not known to the index ({', '.join(skipped[:5])})" if skipped else ""
    print(f"{len(found) - len(skipped)} packages audited, {len(known)} with known vulnerabilities{unknown}")
    return 1 if known else 0


def asked(locked: Path, osv: str | None) -> list[dict[str, Any]] | str:
    """What pip-audit found of each package; its last line where it could not ask."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(locked), "--disable-pip", "--require-hashes"]
    command += ["--format", "json", "--progress-spinner", "off", "--timeout", "20"]
    command += ["--vulnerability-service", "osv", "--osv-url", osv] if osv else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        lines = done.stderr.strip().splitlines() or ["it said nothing"]
        return lines[-1][:200]
    return found


if __name__ == "__main__":
    sys.exit(main())
