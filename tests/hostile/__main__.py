"""`python -m hostile --files 100000`: reads so many damaged files of every kind; exit 1 where one did harm.

The same number gives the same file: `--first 4711 --files 1` reads that one again, with `--kind` of one kind alone.
Kinds that were added later are read after the others, as many of each as there were of every other.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from hostile.corpus import corpus
from hostile.trying import Piece, Tried, pieces, tried_in_processes


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        added = {sound.name: sound.added for sound in corpus(Path(folder))}
    described = argparse.ArgumentParser(prog="python -m hostile", description=__doc__)
    described.add_argument("--files", type=int, default=100_000, help="how many (default 100000)")
    described.add_argument("--first", type=int, default=0, help="number of the first one")
    described.add_argument("--kind", choices=sorted(added), default="", help="of this kind alone")
    described.add_argument("--workers", type=int, default=2)
    chosen = described.parse_args()
    begun, whole = time.monotonic(), Tried()
    for whole in tried_in_processes(_everything(chosen, added), chosen.workers):
        print(f"\r{whole.files} files, {len(whole.harm)} did harm", end="", flush=True)
    print(f"\n{time.monotonic() - begun:.0f} s, at most {whole.most_kib // 1024} MiB in a process")
    for outcome, count in whole.outcomes.most_common():
        print(f"{count:8} {outcome}")
    print("\n".join(whole.harm))
    return 1 if whole.harm else 0


def _everything(chosen: argparse.Namespace, added: dict[str, bool]) -> list[Piece]:
    """The first kinds in turn, then each of the added ones."""
    found = pieces(chosen.first, chosen.files, chosen.kind)
    each = chosen.files // list(added.values()).count(False)
    for name, is_added in added.items():
        found += pieces(chosen.first, each, name) if is_added and not chosen.kind else []
    return found


if __name__ == "__main__":
    sys.exit(main())
