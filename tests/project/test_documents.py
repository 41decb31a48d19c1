"""What the documents say is so: links lead somewhere, generated pages are fresh, commands are there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from studyscope_exporter.commands import COMMANDS
from studyscope_exporter.sources.kinds import kinds

ROOT = Path(__file__).parents[2]
PAGES = sorted(path for path in ROOT.glob("**/*.md") if not {".venv", "demo-data", "node_modules"} & set(path.parts))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_link_to_a_file_of_ours_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))

    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]

    assert missing == []


def test_generated_pages_are_fresh() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_every_command_and_every_kind_of_source_is_on_the_page_for_site_it() -> None:
    page = (ROOT / "exporter" / "README.md").read_text(encoding="utf-8")

    for module in COMMANDS:
        assert f"| `{module.__name__.rpartition('.')[2]}` |" in page
    for kind in kinds():
        assert f"| `{kind}` |" in page


def test_every_make_target_says_what_it_does() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z]+):", makefile, flags=re.M)

    assert all(re.search(rf"^{target}:.*## \S", makefile, flags=re.M) for target in targets)


@pytest.mark.parametrize("path", ["/work/", "/root/", "/farm/", "index-url", "find-links"])
def test_no_file_names_a_path_of_one_machine_or_an_index(path: str) -> None:
    found = subprocess.run(
        ["git", "grep", "-lIF", path, "--", ".", ":!tests/project/test_documents.py", ":!requirements/lock"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.stdout.split() == []
