"""The pages behind the links in mails: what a scanner may open, what a person may choose, and who may not."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from aggregator_cast import NOW, Centre, StandingClock, served
from studyscope_aggregator.app import create_app
from studyscope_aggregator.audit_log import AuditLog
from studyscope_aggregator.registry import load_registry
from studyscope_aggregator.stores.memory import MemoryStore
from studyscope_contract.mail_choices import CHOICES_FILE, MailChoices
from studyscope_contract.mail_link import LinkProblem, LinkSecret, MailLink, Purpose, Role

TODAY = NOW.date()
SECRET = LinkSecret.generate()


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    return Centre(tmp_path / "registry")


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def client(centre: Centre, clock: StandingClock) -> Iterator[httpx.Client]:
    secret = centre.folder.parent / "mail-links"
    SECRET.save(secret)
    settings = centre.settings().model_copy(update={"mail_links": secret})
    with served(create_app(settings, MemoryStore(), clock)) as client:
        yield client


def link(purpose: Purpose, role: Role = "lead", site: str = "", mail: str = "lead@centre.example", days: int = 70) -> str:
    made = MailLink(purpose, role, "liver", site, SECRET.person(mail), TODAY + dt.timedelta(days=days))
    return f"/links/{made.text(SECRET)}"


def of_berlin(purpose: Purpose = "downtime") -> str:
    return link(purpose, "site_it", "berlin", "it@berlin.example")


def choices(centre: Centre) -> MailChoices:
    return MailChoices.read(centre.folder / CHOICES_FILE)


def words(answer: httpx.Response) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


@pytest.mark.parametrize(
    "address",
    [link("mails"), of_berlin(), link("downtime", "coordinator", mail="office@centre.example")],
    ids=["a lead's mails", "berlin's downtime", "a coordinator's downtime"],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_scanner_that_opens_every_link_changes_nothing(client: httpx.Client, centre: Centre, address: str, method: str) -> None:
    answer = client.request(method, address)

    assert answer.status_code == 200
    assert not (centre.folder / CHOICES_FILE).exists()
    assert AuditLog(centre.folder).acts() == []
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_a_lead_stops_and_starts_their_mails_by_the_form_on_the_page(client: httpx.Client, centre: Centre) -> None:
    address, person = link("mails"), SECRET.person("lead@centre.example")
    assert "Stop my mails" in words(client.get(address))

    stopped = client.post(address, data={"act": "stop", "for": "month"}, follow_redirects=True)

    assert "You get no mails about Liver lesions up to and with 2026-07-01" in words(stopped)
    assert not choices(centre).wants_mails(person, "liver", TODAY)
    assert choices(centre).wants_mails(person, "liver", TODAY + dt.timedelta(days=31)), "after that month they come again"
    assert choices(centre).wants_mails(SECRET.person("office@centre.example"), "liver", TODAY)

    started = client.post(address, data={"act": "start"}, follow_redirects=True)

    assert "Stop my mails" in words(started)
    assert choices(centre).wants_mails(person, "liver", TODAY)
    acts = [(act.act, act.facts["study"]) for act in AuditLog(centre.folder).acts()]
    assert acts == [("mails stopped", "liver"), ("mails started again", "liver")]


def test_a_planned_downtime_is_published_while_it_lasts_and_ends_by_itself(
    client: httpx.Client, centre: Centre, clock: StandingClock
) -> None:
    def published() -> list[str]:
        clock.moment += dt.timedelta(seconds=2)  # the page of /metrics is kept for a second
        found = re.findall(r"^study_site_downtime_until_timestamp_seconds.*$", client.get("/metrics").text, re.M)
        return [str(line) for line in found]

    planned = {"act": "plan", "site": "berlin", "first": "2026-06-02", "last": "2026-06-04"}
    answer = client.post(of_berlin(), data=planned, follow_redirects=True)

    assert "Planned to be down from 2026-06-02 up to and with 2026-06-04" in words(answer)
    assert published() == [], "not before its first day"
    clock.moment = NOW + dt.timedelta(days=2)
    end = dt.datetime(2026, 6, 5, tzinfo=dt.UTC).timestamp()
    assert published() == [f'study_site_downtime_until_timestamp_seconds{{study="liver",site="berlin"}} {end:.0f}']
    clock.moment = NOW + dt.timedelta(days=4)
    assert published() == [], "not after its last"


def test_a_downtime_that_is_over_early_is_ended_on_the_same_page(client: httpx.Client, centre: Centre) -> None:
    office = link("downtime", "coordinator", mail="office@centre.example")
    client.post(office, data={"act": "plan", "site": "lyon", "first": "2026-06-01", "last": "2026-06-30"})
    assert choices(centre).downtime("lyon") is not None

    client.post(office, data={"act": "end", "site": "lyon"})

    assert choices(centre).downtime("lyon") is None


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"act": "plan", "site": "lyon", "first": "2026-06-01", "last": "2026-06-02"}, "Choose one of the sites in the list"),
        ({"act": "plan", "site": "berlin", "first": "2026-06-01", "last": "soon"}, "Write both days as 2026-12-31"),
        ({"act": "plan", "site": "berlin", "first": "2026-06-03", "last": "2026-06-02"}, "the last not before it"),
        ({"act": "plan", "site": "berlin", "first": "2026-06-01", "last": "2027-06-01"}, "not after 2026-08-30"),
        ({"act": "plan", "site": "berlin", "first": "2026-05-01", "last": "2026-06-02"}, "must be today or later"),
        ({"act": "stop", "for": "open"}, "Nothing was changed"),
        ({"act": "x" * 9000}, "more than this form sends"),
        ({}, "Nothing was changed"),
    ],
)
def test_what_a_site_may_not_or_cannot_choose_is_told_and_changes_nothing(
    client: httpx.Client, centre: Centre, sent: dict[str, str], said: str
) -> None:
    answer = client.post(of_berlin(), data=sent)

    assert answer.status_code == 422
    assert said in words(answer)
    assert not (centre.folder / CHOICES_FILE).exists()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_link_that_is_over_forged_or_of_somebody_who_left_does_nothing(
    client: httpx.Client, centre: Centre, method: str
) -> None:
    forged = MailLink("mails", "lead", "liver", "", SECRET.person("lead@centre.example"), TODAY).text(LinkSecret.generate())
    altered = of_berlin().replace(".berlin.", ".lyon.")
    left = link("mails", mail="former@centre.example")
    form = {"act": "stop", "for": "open"}

    answers = {
        address: client.request(method, address, data=form)
        for address in (link("mails", days=-1), left, f"/links/{forged}", altered)
    }

    assert [answer.status_code for answer in answers.values()] == [410, 410, 404, 404]
    assert "This link ended on 2026-05-31. Use the one in your newest mail." in words(answers[link("mails", days=-1)])
    assert "no longer named here" in words(answers[left])
    assert not (centre.folder / CHOICES_FILE).exists()


def test_no_address_of_a_person_is_in_a_link(client: httpx.Client) -> None:
    assert "lead@" not in link("mails")
    assert "lead@centre.example" not in client.get(link("mails")).text


def test_a_centre_without_a_secret_has_no_such_pages(centre: Centre) -> None:
    with served(create_app(centre.settings(), MemoryStore(), StandingClock())) as client:
        assert client.get(link("mails")).status_code == 404


def test_a_secret_that_everybody_can_read_or_that_is_none_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "mail-links"
    secret.write_text("0" * 63)
    with pytest.raises(LinkProblem, match="openssl rand -hex 32"):
        LinkSecret.load(secret)
    secret.write_text("0" * 64)
    secret.chmod(0o644)
    with pytest.raises(LinkProblem, match="chmod o="):
        LinkSecret.load(secret)


def test_choices_that_somebody_altered_leave_the_last_good_ones_in_force(client: httpx.Client, centre: Centre) -> None:
    client.post(link("mails"), data={"act": "stop", "for": "open"}, follow_redirects=True)
    (centre.folder / CHOICES_FILE).write_text("{")

    answer = client.post(link("mails"), data={"act": "start"})

    assert answer.status_code == 503
    assert "Nothing was changed" in words(answer)
    assert "until you start them again" in words(client.get(link("mails")))


def test_choices_are_part_of_the_registry_and_so_of_its_backup(client: httpx.Client, centre: Centre) -> None:
    client.post(link("mails"), data={"act": "stop", "for": "half-year"})

    assert len(load_registry(centre.folder).choices.stopped) == 1
