"""docs/runbooks.md as the page that the mails link to: one file, readable on a telephone, an anchor for each alert."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

_HEAD = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Studyscope: runbooks</title>
<style>
:root { color-scheme: light dark; --text: #1b232b; --ground: #fff; --panel: #f4f6f8; --link: #005b94; }
@media (prefers-color-scheme: dark) { :root { --text: #e6ebf0; --ground: #14191e; --panel: #1d242b; --link: #6fb6ef; } }
body { max-width: 700px; margin: 0 auto; padding: 8px 16px 60vh; color: var(--text); background: var(--ground);
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h2 { margin: 2em 0 0.4em; padding-top: 0.4em; border-top: 1px solid var(--panel); }
h2:target { border-left: 6px solid #d55e00; padding: 4px 0 4px 12px; background: var(--panel); }
a { color: var(--link); }
code { background: var(--panel); padding: 1px 4px; border-radius: 3px; }
</style>
</head>
<body>
"""


def runbook_page(markdown: str) -> str:
    """A heading keeps its text as its anchor; links to other pages, which are not at the centre, become text."""
    parser = MarkdownIt()
    tokens = list(_anchored(parser.parse(markdown)))
    return f"{_HEAD}{parser.renderer.render(tokens, parser.options, {})}</body>\n</html>\n"


def _anchored(tokens: Sequence[Token]) -> Iterator[Token]:
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "heading_open" and token.tag == "h2" and following is not None:
            token.attrSet("id", following.content)
        if token.children:
            token.children = list(_without_links_elsewhere(token.children))
        yield token


def _without_links_elsewhere(tokens: Sequence[Token]) -> Iterator[Token]:
    inside = False
    for token in tokens:
        if token.type == "link_open":
            inside = not str(token.attrGet("href")).startswith(("#", "https://"))
            if inside:
                continue
        if token.type == "link_close" and inside:
            inside = False
            continue
        yield token
