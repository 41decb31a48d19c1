"""Studies taken out of the site file: their last numbers stand where they were sent, so the others still wait for them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from studyscope_exporter.disclosure.errors import DomainProblem
from studyscope_exporter.disclosure.neighbours import Neighbour
from studyscope_exporter.disclosure.state_file import StateDamaged, unseal
from studyscope_exporter.disclosure.store import STATE
from studyscope_exporter.identity import SiteIdentity


def domain_folder(state: Path, study: str) -> Path:
    """Where the domain of `study` is, in the site's `state` folder."""
    return state / "studies" / study / "domain"


def removed_studies(state: Path, site: str, identity: SiteIdentity, there: Collection[str]) -> Iterator[Neighbour]:
    """Whom each study counted last that is not `there` any more; one whose state is lost or cannot be read is left out."""
    for sealed in sorted(state.glob(f"studies/*/domain/{STATE}")):
        study = sealed.parent.parent.name
        if study in there:
            continue
        try:
            left, _ = unseal(sealed.read_bytes(), key=identity.derived(f"state {study}"), domain=f"{site}/{study}")
        except (StateDamaged, DomainProblem):
            continue
        members = left.members()
        if len(members):
            yield Neighbour(study, members, members, history=left.history, removed=True)
