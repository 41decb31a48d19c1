"""The command that makes, lists and revokes tokens of machines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from aggregator_cast import Centre, StandingClock
from studyscope_aggregator.access.role import Grant
from studyscope_aggregator.access.tokens import AccessTokens
from studyscope_aggregator.cli import main


@pytest.fixture
def config(tmp_path: Path) -> Path:
    Centre(tmp_path / "registry")
    file = tmp_path / "centre.yaml"
    file.write_text(yaml.safe_dump({"registry": "registry", "store": "state/reports.sqlite"}), encoding="utf-8")
    return file


def test_a_token_is_made_listed_and_revoked_and_each_act_is_told(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["--config", str(config), "tokens"]

    assert main([*command, "add", "site", "figures of Lyon", "--site", "lyon", "--by", "C. Oordinator"]) == 0
    token, words = capsys.readouterr().out.splitlines()
    number = token.split("_")[1]
    tokens = AccessTokens(config.parent / "registry")
    today = StandingClock().now().date()
    assert tokens.grant(token, today) == Grant("site", sites=frozenset({"lyon"}), who=f"token {number}")
    assert "shown this once" in words

    assert main([*command, "list"]) == 0
    assert re.search(rf"{number} +site +lyon +figures of Lyon +until", capsys.readouterr().out)
    assert main([*command, "revoke", number]) == 0
    assert tokens.grant(token, today) is None
    assert main(["--config", str(config), "audit"]) == 0
    told = capsys.readouterr().out
    assert "C. Oordinator  tokens add" in told
    assert "tokens revoke" in told
    assert token.rpartition("_")[2] not in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["site", "x"], "a site's token needs --site"),
        (["lead", "x"], "a lead's token needs --study"),
        (["site", "x", "--site", "atlantis"], "no study names a site atlantis"),
        (["public", "x", "--study", "lung"], "no study lung"),
        (["coordinator", "x", "--days", "0"], "--days must be at least 1"),
    ],
)
def test_a_token_for_nothing_is_not_made(
    arguments: list[str], words: str, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--config", str(config), "tokens", "add", *arguments]) == 1

    assert words in capsys.readouterr().out
    assert AccessTokens(config.parent / "registry").all() == []
