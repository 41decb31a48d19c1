"""The preview as one HTML page that needs nothing from anywhere: to read, to print, to keep with the signature."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

from studyscope_exporter.before_release.document import Document
from studyscope_exporter.extras import ExtraMissing


@dataclass(frozen=True)
class Desk:
    """Where the page can be signed at once: the form's token and address, and what came of the last attempt."""

    csrf: str
    address: str
    said: str = ""
    failed: bool = False


def page(document: Document, desk: Desk | None = None) -> str:
    """The whole page; scripts and external resources are none. Raises ExtraMissing."""
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError:
        raise ExtraMissing("page", "an HTML page") from None
    templates = Environment(
        loader=PackageLoader("studyscope_exporter.before_release"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template("preview.html").render(document=document, desk=desk, style=paper_style())


def paper_style() -> str:
    """The style sheet that the page carries inside."""
    return (resources.files("studyscope_exporter.before_release") / "templates" / "paper.css").read_text(encoding="utf-8")
