"""A site that a test kills: for each line `DAYS` on its input it forks, and the child releases, scans and delivers that day.

Started as a program with the site file; prints the child's process id, and `done CODE` when it has ended.
"""

from __future__ import annotations

import datetime as dt
import os
import sys
from pathlib import Path

from acts_cast import Ahead
from studyscope_exporter.commands.once import once
from studyscope_exporter.settings import read_site_file
from studyscope_exporter.site import Site


def main() -> None:
    path = Path(sys.argv[1])
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what the commands say is not what we answer
            with Site(read_site_file(path), Ahead(int(line))) as site:
                code = once(site, quiet=True, wait_at_most=dt.timedelta())
            os._exit(code)
        _say(f"{child}")
        _, status = os.waitpid(child, 0)
        _say(f"done {os.waitstatus_to_exitcode(status)}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
