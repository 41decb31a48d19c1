"""The committed files under deploy/ say what the package says."""

from __future__ import annotations

from pathlib import Path

import pytest

from studyscope_dashboards.cli import main
from studyscope_dashboards.generated import differences, generate

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


def test_the_committed_files_are_as_generated() -> None:
    assert differences(DEPLOY) == []


def test_a_changed_a_missing_and_a_superfluous_file_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generate(tmp_path)
    assert main(["generate", "--check", "--out", str(tmp_path)]) == 0

    changed = tmp_path / "grafana" / "dashboards" / "site.json"
    changed.write_text(changed.read_text(encoding="utf-8").replace("Missed reports", "Missing"), encoding="utf-8")
    (tmp_path / "prometheus" / "prometheus.yml").unlink()
    (tmp_path / "alertmanager" / "old.tmpl").write_text("", encoding="utf-8")

    assert main(["generate", "--check", "--out", str(tmp_path)]) == 1
    assert differences(tmp_path) == ["alertmanager/old.tmpl", "grafana/dashboards/site.json", "prometheus/prometheus.yml"]
    assert "run: studyscope-dashboards generate" in capsys.readouterr().out
