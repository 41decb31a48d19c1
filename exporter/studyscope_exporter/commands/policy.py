"""show, compare or sign what a study may let out of this hospital

  policy show          the policy in words, and who signed it
  policy diff [FILE]   what FILE, or else the site file, would change of the signed policy, and what follows
  policy sign          put the policy of the site file in force, as an approver

The hospital owns the policy. It may only become stricter once a number was published: the exporter
does not start with a looser one. Until a changed policy is signed, no number moves.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from studyscope_contract.keys import VerifyingKey
from studyscope_contract.policy import Policy
from studyscope_contract.policy_change import Change, policy_changes
from studyscope_contract.yaml_file import read_yaml
from studyscope_exporter.approvers import approvers_of
from studyscope_exporter.commands.approve import approver_key
from studyscope_exporter.commands.opened import chosen_studies, opened_site, study_argument
from studyscope_exporter.disclosure.policy_signature import version_in_force
from studyscope_exporter.policy_words import policy_sentences
from studyscope_exporter.site import Site, StudyAtSite

REFUSED = 1


def arguments(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(title="what to do", required=True, metavar="show | diff | sign", dest="what")
    study_argument(kinds.add_parser("show", help="the policy in words, and who signed it"))
    diff = kinds.add_parser("diff", help="what would change, and what follows from it")
    diff.add_argument("file", nargs="?", type=Path, metavar="FILE", help="a policy as YAML; default: the one in the site file")
    study_argument(diff)
    sign = kinds.add_parser("sign", help="put the policy of the site file in force")
    study_argument(sign)
    sign.add_argument("--key", type=Path, required=True, metavar="FILE", help="your own approver's key")
    sign.add_argument("--yes", action="store_true", help="do not ask; you have read it")


def execute(chosen: argparse.Namespace) -> int:
    with opened_site(chosen) as site:
        codes = [_do(chosen, site, study) for study in chosen_studies(site, chosen)]
    return max(codes)


def _do(chosen: argparse.Namespace, site: Site, study: StudyAtSite) -> int:
    print(f"study {study.study.id}")
    if chosen.what == "show":
        print("\n".join(_shown(study)))
        return 0
    if chosen.what == "diff":
        return _diff(study, read_yaml(chosen.file, Policy) if chosen.file else study.settings.policy)
    return _sign(chosen, site, study)


def _shown(study: StudyAtSite) -> Iterator[str]:
    policy, signatures = study.settings.policy, study.domain.policy_signatures()
    yield from _in_words(policy)
    version = version_in_force(signatures, policy.hash)
    if version is None:
        yield "  not signed: " + ("no number moves until it is" if signatures else "nothing leaves; approve or policy sign")
    names = {VerifyingKey.parse(one.key).fingerprint: one.name for one in approvers_of(study.settings)}
    for one in signatures:
        state = "in force" if version == one.version else "replaced"
        yield f"  version {one.version}, {one.policy[:12]}, signed {one.day} by {names.get(one.approver, one.approver)}: {state}"


def _in_words(policy: Policy) -> Iterator[str]:
    return (f"  {sentence}" for sentence in policy_sentences(policy))


def _diff(study: StudyAtSite, after: Policy) -> int:
    signatures = study.domain.policy_signatures()
    if not signatures:
        print("  no policy was signed yet; this one would be the first:")
        print("\n".join(_in_words(after)))
        return 0
    before = Policy.model_validate(signatures[-1].content)
    changes = policy_changes(before, after)
    for change in changes:
        print(f"  {change.name}: {_step(change)}   ({change.direction})")
    refused = study.domain.status().published and any(_is_refused(change) for change in changes)
    print("\n".join(f"  {sentence}" for sentence in _consequences(before, after, refused=refused)))
    return REFUSED if refused else 0


def _step(change: Change) -> str:
    if not change.before:
        return f"+ {change.after}"
    return f"{change.before} -> {change.after}" if change.after else f"- {change.before}"


def _is_refused(change: Change) -> bool:
    """Whether a change cannot be made once numbers were published."""
    return change.name in ("grid", "reported") or (
        change.direction == "looser" and change.name not in ("refuse", "two_way", "readers", "approvals")
    )


def _consequences(before: Policy, after: Policy, *, refused: bool) -> Iterator[str]:
    if before.hash == after.hash:
        yield "nothing changes"
        return
    if refused:
        yield "REFUSED: numbers were published under the signed policy; the exporter would not start with this one."
        return
    if before.rules_hash != after.rules_hash:
        yield "Every table is hidden from the next report on, until two approvers have approved it again"
        yield "and enough people have changed in it. The centre sees the hour of the change, not why."
    for table in sorted(set(after.refuse) - set(before.refuse)):
        yield f"{table} is hidden from the next report on."
    for table in sorted(set(before.refuse) - set(after.refuse)):
        yield f"{table} is offered; it leaves once it is approved."
    for table in sorted(set(_declared(after)) - set(_declared(before))):
        yield f"{table} leaves once two approvers have approved it."
    yield "Until an approver signs it (policy sign, or approve), no number moves."


def _declared(policy: Policy) -> tuple[str, ...]:
    """Tables that are off unless they are named."""
    return (*policy.two_way, *(policy.readers.tables if policy.readers else ()))


def _sign(chosen: argparse.Namespace, site: Site, study: StudyAtSite) -> int:
    print("\n".join(_in_words(study.settings.policy)))
    if not chosen.yes and input("Sign this? Type yes: ").strip().lower() != "yes":
        print("  nothing was signed")
        return 1
    if study.domain.sign_policy(approver_key(chosen.key), site.clock.now().date()):
        print("  signed; it is in force and in the ledger")
    else:
        print("  you have signed this policy before; nothing was changed")
    return 0
