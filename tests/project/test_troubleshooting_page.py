"""Every message that the page explains is one that a program prints: the page is held against the texts in the code."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "troubleshooting.md"
PACKAGES = ("contract/studyscope_contract", "exporter/studyscope_exporter", "aggregator/studyscope_aggregator")
GAP = "…"


def explained() -> list[str]:
    """The first cells of the page's tables that are messages."""
    return re.findall(r"(?m)^\| `(.+?)` \|", PAGE.read_text(encoding="utf-8"))


@cache
def printed() -> str:
    """Every text in the code, one a line; what is filled in is a gap."""
    texts = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    texts.append("".join(str(part.value) if isinstance(part, ast.Constant) else GAP for part in node.values))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    texts.append(node.value)
    return re.sub(r"\{\w+\}", GAP, "\n".join(text.replace("\n", " ") for text in texts))


def test_the_page_explains_many_messages() -> None:
    assert len(explained()) > 40


@pytest.mark.parametrize("message", explained())
def test_a_message_that_is_explained_is_printed_somewhere(message: str) -> None:
    pattern = ".*?".join(re.escape(part) for part in message.split(GAP))

    assert re.search(pattern, printed()), f"no program prints {message!r}: correct docs/troubleshooting.md"
