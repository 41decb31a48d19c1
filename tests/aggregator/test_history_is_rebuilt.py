"""A new database for Prometheus from the store: what is retracted is not in it, everything else at its true time."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pytest
import yaml

from aggregator_cast import Centre, a_report, a_table
from prometheus_server import prometheus
from studyscope_aggregator.cli import main
from studyscope_aggregator.store import Entry, Receipt
from studyscope_aggregator.stores.opened import open_store
from studyscope_contract.grid import Grid

HISTORY = 'study_history_patients{study="liver",site="berlin",revision="0"}'
DAYS = 100
TODAY = Grid().index(dt.datetime.now(dt.UTC))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A centre with a report on each of the last hundred days; the first twenty are retracted."""
    centre = Centre(tmp_path / "registry")
    for file in (centre.folder / "sites.yaml", centre.folder / "studies" / "liver.yaml"):
        file.write_text(file.read_text().replace("2026-01-01", "2020-01-01").replace("2027-12-31", "2099-12-31"))
    path = tmp_path / "centre.yaml"
    path.write_text(yaml.safe_dump({"registry": "registry", "store": "store.sqlite"}))
    store = open_store(tmp_path / "store.sqlite")
    for number in range(1, DAYS + 1):
        point = TODAY - DAYS + number
        tables = (a_table(cells={(): 20 + 10 * (number // 10)}).model_copy(update={"released": point}),)
        report = a_report(sequence=number, grid_point=point, tables=tables)
        moment, raw = Grid().moment(point), centre.signed(report).to_bytes()
        store.append(Entry(Receipt("liver", "berlin", number, point, f"{number:064}", moment), raw, moment, moment)).result()
    store.close()
    assert main(["retract", "liver", "berlin", "--to", "20", "--why", "wrong", "--config", str(path)]) == 0
    return path


@pytest.mark.real
def test_a_prometheus_on_the_new_database_shows_every_day_that_was_not_retracted(config: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("no promtool on the PATH (Debian: apt-get install prometheus)")
    assert main(["history", "rebuild", str(config.parent / "tsdb"), "--config", str(config)]) == 0

    with prometheus(config.parent, window="1h") as server:
        samples = server.raw(HISTORY, dt.datetime.now(dt.UTC).timestamp(), "200d")

    assert samples == [
        (Grid().moment(TODAY - DAYS + number).timestamp(), float(20 + 10 * (number // 10))) for number in range(21, DAYS + 1)
    ]


def test_as_text_it_is_a_file_a_month(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = config.parent / "text"
    assert main(["history", "rebuild", str(folder), "--text-only", "--config", str(config)]) == 0

    files = sorted(folder.iterdir())
    months = {f"{Grid().moment(TODAY - DAYS + number):%Y-%m}.txt" for number in range(21, DAYS + 1)}
    assert {file.name for file in files} == months
    lines = [line for file in files for line in file.read_text().splitlines()]
    assert sum(line.startswith(HISTORY) for line in lines) == DAYS - 20
    assert lines.count("# EOF") == len(files)
    assert f"{len(lines) - len(files):,} samples of {len(files)} months" in capsys.readouterr().out


def test_nothing_is_written_over(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (config.parent / "tsdb").mkdir()
    (config.parent / "tsdb" / "wal").touch()

    assert main(["history", "rebuild", str(config.parent / "tsdb"), "--config", str(config)]) == 1
    assert "is not empty" in capsys.readouterr().err
