"""axe-core's judgement of a page, for tests that are run on request (it comes from npm, at every run anew)."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

WANTED = "STUDYSCOPE_AXE"
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def axe_source(folder: Path) -> str:
    """The script itself; skips where it was not asked for or there is no npm."""
    if WANTED not in os.environ:
        pytest.skip(f"set {WANTED}=1 to judge pages by axe-core; fetches it with npm")
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm on the PATH")
    subprocess.run([npm, "install", "--silent", "--no-fund", "--no-audit", "axe-core@4"], cwd=folder, check=True, timeout=120)
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@contextmanager
def browsers(**context: Any) -> Iterator[Iterator[tuple[str, Any]]]:
    """A browser context for light, dark and a telephone; script of ours may run in spite of the page's policy."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium on the PATH")
    shapes = {"light": (1280, 900), "dark": (1280, 900), "telephone": (390, 844)}
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield (
            (
                name,
                opened.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme="dark" if name == "dark" else "light",
                    bypass_csp=True,
                    **context,
                ),
            )
            for name, (width, height) in shapes.items()
        )
        opened.close()


def violations(page: Any, axe: str) -> list[str]:
    """Every breach of WCAG up to AA on the page as it stands, one line each."""
    page.evaluate(axe)
    found = page.evaluate("levels => axe.run(document, {runOnly: {type: 'tag', values: levels}})", LEVELS)
    assert len(found["passes"]) > 5, "axe has judged nothing"
    return [
        f"{one['id']} ({one['impact']}): {one['help']}: {node['html'][:150]} {node['failureSummary'][:300]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]
