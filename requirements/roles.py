"""Writes requirements/ROLE.txt: what each image and bundle installs, with the versions and hashes of constraints.txt.

python requirements/roles.py           writes them
python requirements/roles.py --check   says which are not as they would be written; exit code 1
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FOLDER = Path(__file__).parent
ROLES = {
    "exporter": ("exporter",),
    "exporter-page": ("exporter", "page"),
    "aggregator": ("aggregator", "dashboards"),
    "demo": ("exporter", "aggregator", "dashboards", "demo"),
}
"""Extras of pyproject.toml that a role installs, besides what the contract needs."""


def locked() -> dict[str, str]:
    """Each package's lines of constraints.txt, by its name."""
    text = (FOLDER / "constraints.txt").read_text(encoding="utf-8")
    blocks = re.findall(r"(?m)^[A-Za-z0-9].*==.*(?:\n    --hash=.*)*", text)
    return {canonicalize_name(block.partition("==")[0].partition("[")[0]): block for block in blocks}


def needed(requirements: Iterable[str], known: dict[str, str]) -> list[str]:
    """Names of everything that `requirements` bring in, as the installed packages say."""
    found: set[tuple[str, str]] = set()
    waiting = [(Requirement(each), "") for each in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        if name == "studyscope":
            continue  # the demo names our own extras; they are in its role already
        if name not in known:
            raise SystemExit(f"{name} is not in constraints.txt: run requirements/lock")
        for wanted in ("", *requirement.extras):
            if (name, wanted) not in found:
                found.add((name, wanted))
                waiting += [(Requirement(each), wanted) for each in requires(name) or ()]
    return sorted({name for name, _ in found})


def written(role: str, requirements: Iterable[str], known: dict[str, str]) -> str:
    head = f"# What the role {role} installs. Written by requirements/roles.py; change pyproject.toml, not this file.\n"
    return head + "".join(f"{known[name]}\n" for name in needed(requirements, known))


def files() -> dict[Path, str]:
    project = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras, known = project["optional-dependencies"], locked()
    wanted = {
        role: [*project["dependencies"], *(each for name in names for each in extras[name])] for role, names in ROLES.items()
    }
    wanted["build"] = (FOLDER / "build.in").read_text(encoding="utf-8").split()
    return {FOLDER / f"{role}.txt": written(role, requirements, known) for role, requirements in wanted.items()}


def main() -> int:
    stale = [path for path, text in files().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path.name} is not as it would be written; run: python requirements/roles.py")
        return 1 if stale else 0
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
