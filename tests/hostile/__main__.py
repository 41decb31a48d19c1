"""`python -m hostile --files 100000`: reads so many damaged files of every kind; exit 1 where one did harm.

The same number gives the same file: `--first 4711 --files 1` reads that one again.
"""

from __future__ import annotations

import argparse
import sys
import time

from hostile.trying import Tried, tried_in_processes


def main() -> int:
    described = argparse.ArgumentParser(prog="python -m hostile", description=__doc__)
    described.add_argument("--files", type=int, default=100_000, help="how many (default 100000)")
    described.add_argument("--first", type=int, default=0, help="number of the first one")
    described.add_argument("--workers", type=int, default=2)
    chosen = described.parse_args()
    begun, found = time.monotonic(), Tried()
    for found in tried_in_processes(chosen.first, chosen.files, chosen.workers):
        print(f"\r{found.files} of {chosen.files} files, {len(found.harm)} did harm", end="", flush=True)
    print(f"\n{time.monotonic() - begun:.0f} s, at most {found.most_kib // 1024} MiB in a process")
    for outcome, count in found.outcomes.most_common():
        print(f"{count:8} {outcome}")
    print("\n".join(found.harm))
    return 1 if found.harm else 0


if __name__ == "__main__":
    sys.exit(main())
