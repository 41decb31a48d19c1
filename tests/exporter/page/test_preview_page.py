"""The page that a data-protection officer reads before the first number leaves."""

import json
import re
import sys
from html import unescape
from pathlib import Path

import pytest
import yaml

from page_cast import copied_site, make_site, run
from studyscope_contract.catalogue import TABLES, imaging
from studyscope_contract.metric import TableKey
from studyscope_contract.policy import Policy
from studyscope_exporter.before_release.hidden import hidden_cells, not_empty
from studyscope_exporter.before_release.words import bucket_words
from studyscope_exporter.disclosure.inference import Interval
from studyscope_exporter.disclosure.preview import TablePreview


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = make_site(tmp_path_factory.mktemp("template"))
    assert run(path, "scan", "--quiet") == 0
    return path


@pytest.fixture
def site(scanned: Path, tmp_path: Path) -> Path:
    return copied_site(scanned, tmp_path)


def page(site: Path, *more: str) -> str:
    file = site.parent / f"preview{len(list(site.parent.glob('*.html')))}.html"
    assert run(site, "preview", "--html", str(file), *more) == 0
    return file.read_text()


def text(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def test_the_page_says_what_would_leave_although_nothing_is_approved_yet(site: Path) -> None:
    said = text(page(site))

    assert "all patients – 30 30 new" in said
    assert "women – 30 27 new" in said
    assert "http://127.0.0.1:9" in said


def test_small_groups_are_named_with_what_protects_them(site: Path) -> None:
    said = text(page(site))

    assert "Hidden: men (3): fewer than 15 people; outside it looks the same as nobody" in said
    assert re.search(r"men Patients by sex 0 \d+ truly 3 people; it could as well be nobody", said)


def test_a_step_of_a_histogram_names_both_of_its_edges_with_the_unit() -> None:
    (table,) = (one for one in imaging.TABLES if one.id == "slice_thickness")

    words = bucket_words(table, {("1.0",), ("3.0",), ("+Inf",)})
    assert list(words.values()) == ["up to 1 mm", "more than 1 and up to 3 mm", "more than 3 mm"]


def test_tables_without_a_number_stand_together_each_with_all_of_its_structures(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    study = tmp_path / "study.yaml"
    study.write_text(study.read_text() + "structures: [{code: liver, label: Liver}, {code: spleen, label: Spleen}]\n")
    run(site, "scan", "--quiet")
    html = page(site)

    assert html.count("<code>structure_dice</code>") == 1
    assert "<td>Liver, Spleen</td><td>nothing was counted for it here yet</td>" in html


def test_the_page_says_that_it_stays_in_the_house(site: Path) -> None:
    assert "Stays in this hospital." in text(page(site))


def test_without_exact_numbers_it_holds_nothing_but_what_would_leave(site: Path) -> None:
    html = page(site, "--without-exact")
    said = text(html).split("How to approve")[1].split("Byte for byte")[0]

    assert "women – 30 new" in said
    assert not re.search(r"\b27\b|\(3\)", said)
    assert "could infer" not in said
    assert "Stays in this hospital" not in said


BASIS = "Protocol 4.2, section 7.3, approved by the ethics committee of Berlin"


def test_exact_numbers_are_announced_with_the_reason_on_the_page_and_on_the_terminal(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = yaml.safe_load(site.read_text())
    content["studies"][0]["policy"] = {"preset": "tens-open", "disclosure": {"reported": ["stage"], "legal_basis": BASIS}}
    site.write_text(yaml.safe_dump(content))

    said = text(page(site))
    capsys.readouterr()
    run(site, "preview")
    terminal = " ".join(capsys.readouterr().out.split())

    assert "Exact numbers leave. Patients by the stage they are in now: these are shown as they are" in said
    assert f"Why this is done: {BASIS}." in said
    assert "Exact. These numbers leave as they are. Two approvers sign them." in said
    assert "2 signatures are missing" in said
    assert "EXACT NUMBERS LEAVE, small ones and 0 too: Patients by the stage they are in now." in terminal
    assert f"Why: {BASIS}" in terminal


def test_without_a_protocol_no_page_speaks_of_exact_numbers_that_leave(site: Path) -> None:
    assert "numbers leave" not in text(page(site)).casefold()


def test_it_needs_nothing_from_anywhere_and_escapes_what_people_wrote(site: Path) -> None:
    html = page(site)

    assert not re.search(r"<(script|link|img|iframe)|\b(src|href)=|url\(|@import", html)
    assert "Liver &lt;lesions&gt; &amp; more" in html


def test_the_bytes_at_its_end_are_those_of_the_report(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    html = page(site)
    report = site.parent / "report.json"
    run(site, "preview", "--bytes", str(report))

    shown = json.loads(re.findall(r"<pre>(\{.*?\})</pre>", html, re.S)[0].replace("&#34;", '"').replace("&amp;", "&"))
    assert shown["report"] == json.loads(report.read_bytes())["report"]


def test_it_is_never_written_over_another_file_and_only_its_writer_can_read_it(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page(site)

    assert (site.parent / "preview0.html").stat().st_mode & 0o077 == 0
    assert run(site, "preview", "--html", str(site.parent / "preview0.html")) == 2
    assert "is there already; choose another name" in capsys.readouterr().err


def test_an_empty_site_has_a_page_too(tmp_path: Path) -> None:
    site = make_site(tmp_path, patients=0)
    run(site, "scan", "--quiet")
    said = text(page(site))

    assert "Nothing new would be shown with this report" in said
    assert "Nothing was published yet, and nothing would be" in said
    assert "No table shows a number now, and none would." in said
    assert (
        "Patients by sex sex · PatientSex (0010,0040) of the patient's first series, fixed at admission. everybody nothing"
        in said
    )


def test_the_terminal_shows_the_same_shortened(
    site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    capsys.readouterr()
    assert run(site, "preview") == 0
    said = " ".join(capsys.readouterr().out.split())

    assert "Audit: Passed." in said
    assert "hidden: men (3)" in said
    assert "approve --study liver --key YOUR-KEY --shown" in said


def test_without_the_page_extra_it_says_what_to_install(
    site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)

    assert run(site, "preview", "--html", str(site.parent / "page.html")) == 2
    assert "pip install 'studyscope[exporter,page]'" in capsys.readouterr().err
    assert not (site.parent / "page.html").exists()
    assert run(site, "preview") == 0


def test_where_others_can_tell_that_a_hidden_cell_is_not_empty_the_page_does_not_say_that_it_looks_like_nobody() -> None:
    key, parameters = TableKey("roster_state"), Policy().parameters
    exact = {("expected",): 176, ("unexpected",): 12}
    preview = TablePreview(key, "moves", (), ((("expected",), 180),), exact)
    intervals = (Interval(key, ("expected",), 175, 184, 180, 176), Interval(key, ("unexpected",), 11, 14, None, 12))
    codes = tuple(exact)

    (told,) = hidden_cells(preview, TABLES[key.table], codes, parameters, not_empty(preview, intervals), exact=True)
    (few,) = hidden_cells(preview, TABLES[key.table], codes, parameters, {}, exact=True)

    assert "can work out 11 to 14, which is no small group (11 or more)" in told.why
    assert "looks the same as nobody" in few.why


def test_a_result_that_nearly_everybody_shares_is_hidden_with_the_reason_in_plain_words() -> None:
    key, parameters = TableKey("job_outcome", "segment"), Policy().parameters
    preview = TablePreview(key, "moves", (), (), {("succeeded",): 160, ("failed",): 10})
    codes = (("succeeded",), ("failed",))

    few, nearly_all = hidden_cells(preview, TABLES[key.table], codes, parameters, {}, exact=True)

    assert few.words == "failed (10)"
    assert nearly_all.words == "succeeded (160)"
    assert "fewer than 15 people of the table have another result, or nobody has" in nearly_all.why


def test_without_exact_numbers_a_table_that_moves_without_a_number_looks_like_one_that_does_not_move(site: Path) -> None:
    assert "Is counted with the next report, and shows no number then either" in text(page(site))
    assert "Is counted with the next report" not in text(page(site, "--without-exact"))
