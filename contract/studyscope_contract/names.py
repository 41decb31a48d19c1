"""Texts of reports, closed in form, so that none can carry more than a name; and texts of study files."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=40)]
"""A name of a study or site: lower case, digits, single hyphens."""

Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+.][A-Za-z0-9_+.\-]*$", max_length=48)]
"""A code of a closed list; which codes a table allows is decided by the catalogue and the study file."""

Release = Annotated[str, StringConstraints(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$", max_length=16)]
"""A release number of the exporter: three numbers, no build."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
"""A title or a name in a study file; never in a report."""
