"""The preview that people are shown, in one place: command, page and signature must mean the same one."""

from __future__ import annotations

from studyscope_exporter.before_release.document import Document, document
from studyscope_exporter.disclosure.inference import tightest_intervals
from studyscope_exporter.disclosure.preview import Preview
from studyscope_exporter.site import Site, StudyAtSite

AUDITING = "Counting, and asking what could be proven (at most 5 minutes a study)"


def previewed(site: Site, at_site: StudyAtSite) -> Preview:
    """What a release at the next grid point would give if everything were approved, with what the last finished scan found."""
    contributions, facts = site.contributions(at_site), site.facts(at_site)
    return at_site.domain.preview(contributions, facts, site.next_grid_point(at_site), if_approved=True)


def described(at_site: StudyAtSite, preview: Preview, *, exact: bool) -> Document:
    """The preview in words; without `exact` it holds nothing but what would leave."""
    return document(
        preview,
        tightest_intervals(preview.releases) if exact else (),
        study=at_site.study,
        policy=at_site.settings.policy,
        recipient=at_site.settings.centre.url,
        minute=at_site.delivery_minute,
        exact=exact,
    )
