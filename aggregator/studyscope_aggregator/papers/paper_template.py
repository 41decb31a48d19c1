"""The templates of papers: everything is in the one page, so that it can be kept and sent."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined, Template


def paper_template(name: str) -> Template:
    """A template that escapes what it is given and fails on what it is not."""
    environment = Environment(
        loader=PackageLoader("studyscope_aggregator"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)
