"""The whole demo: prepares its folder, starts its programs, and lets time pass until it is stopped."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from studyscope_demo import servers
from studyscope_demo.clock import ClockDriver
from studyscope_demo.console import show_measures, show_status
from studyscope_demo.consortium import Span, write_centre
from studyscope_demo.folder import DemoFolder
from studyscope_demo.hospital_files import write_hospital
from studyscope_demo.ports import Ports
from studyscope_demo.profiles import Hospital, Profiles
from studyscope_demo.servers import Program
from studyscope_demo.state import DemoState, HospitalState, Phase, full_status, site_states
from studyscope_demo.supervisor import Started, Supervisor, birth, log_end, memory_bytes
from studyscope_demo.timeline import CatchUp, Plan, Watch
from studyscope_demo.world.hospital_days import HospitalDays

_START_SECONDS = 90.0
_LOOK_SECONDS = 2.0


class DidNotStart(Exception):
    """A program does not answer; the message holds the end of its log."""


@dataclass(frozen=True)
class Cast:
    """Who takes part, and from what their lives are drawn."""

    profiles: Profiles
    hospitals: tuple[Hospital, ...]
    seed: int


@dataclass
class Demo:
    """One run. `stopped` is asked again and again; once it is true the demo ends."""

    folder: DemoFolder
    cast: Cast
    plan: Plan
    ports: Ports
    console: Console
    stopped: Callable[[], bool]
    today: dt.date
    supervisor: Supervisor = field(init=False)
    clock: ClockDriver = field(init=False)
    state: DemoState = field(init=False)
    _days: list[HospitalDays] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._began = time.monotonic()
        self.supervisor = Supervisor(self.folder.root)
        self.clock = ClockDriver(self.folder.clock)
        hospitals = tuple(HospitalState(h.id, h.name, h.part, h.noise) for h in self.cast.hospitals)
        driver = Started("driver", os.getpid(), birth(os.getpid()) or "")
        addresses = {server: self.ports.url(server) for server in self.ports.by_server if server not in ("grafana", "line")}
        addresses["smtp"] = self.ports.address("smtp")
        self.state = DemoState(driver, "starting", "", addresses, "not yet", hospitals)

    def run(self) -> None:
        """Everything, until it is stopped; what was started is stopped then."""
        try:
            self._prepare()
            self._start_centre()
            self._start_hospitals()
            self._catch_up()
            self._watch()
        except _Stopped:
            pass
        finally:
            self._say("stopping")
            self.supervisor.stop()
            self.folder.state.unlink(missing_ok=True)

    def _prepare(self) -> None:
        self.folder.create()
        self.clock.hold(self.plan.midnight(0))
        self._say("starting")
        span = Span(self.plan.first_day, self.today)
        keys = {h.id: write_hospital(self.folder, h, self._centre_url(h)) for h in self.cast.hospitals}
        write_centre(self.folder, self.cast.hospitals, span, keys)
        self._days = [
            HospitalDays(h, self.cast.profiles.devices(h), self.folder.hospital(h.id), span.first, self.cast.seed)
            for h in self._reporting()
        ]

    def _centre_url(self, hospital: Hospital) -> str:
        return self.ports.url("line" if hospital.part == "falls_silent" else "aggregator")

    def _reporting(self) -> list[Hospital]:
        """Hospitals that have an exporter."""
        return [hospital for hospital in self.cast.hospitals if hospital.part != "never_reports"]

    def _silent(self) -> str | None:
        return next((hospital.id for hospital in self.cast.hospitals if hospital.part == "falls_silent"), None)

    def _start_centre(self) -> None:
        makers = (servers.mailbox, servers.prometheus, servers.alertmanager, servers.aggregator, servers.routes)
        programs = [maker(self.folder, self.ports) for maker in makers]
        silent = self._silent()
        if silent is not None:
            programs.append(servers.line(self.folder, self.ports, silent))
        grafana = servers.grafana(self.folder, self.ports)
        if grafana is not None:
            programs.append(grafana)
        for program in programs:
            self.console.print(f"starting {program.name}", highlight=False)
            self.supervisor.start(program.name, program.command, program.environment)
        for program in programs:
            self._await(program)
        self._name_grafana(grafana is not None)

    def _name_grafana(self, runs: bool) -> None:
        instead = f"none found; one with all dashboards: {servers.container_command(self.folder)}"
        self.state = replace(self.state, grafana=self.ports.url("grafana") if runs else instead)

    def _await(self, program: Program) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while program.ready_url is not None:
            self._check()
            try:
                if httpx.get(program.ready_url, timeout=2, trust_env=False).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            if time.monotonic() > deadline:
                end = log_end(self.supervisor.log(program.name))
                raise DidNotStart(f"{program.name} does not answer at {program.ready_url}:\n{end}")
            time.sleep(0.05)

    def _start_hospitals(self) -> None:
        for hospital in self._reporting():
            program = servers.hospital(self.folder, hospital.id)
            self.supervisor.start(program.name, program.command)

    def _catch_up(self) -> None:
        self._say("catching up")
        waiting = [self.folder.waiting(hospital.id) for hospital in self._reporting()]
        began = time.monotonic()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.console) as progress:
            task = progress.add_task("the first days", total=self.plan.caught_up)

            def between(day: int) -> None:
                self._check()
                self._first_data(day)
                patients = sum(hospital.written.patients for hospital in self._days)
                progress.update(task, advance=1, description=f"{self.plan.midnight(day):%d %b %Y}, {patients} patients so far")
                if day % 10 == 0:
                    self._say("catching up")

            CatchUp(self.plan, self.clock, self._days, waiting, self._check).run(between)
        self._measure(catch_up_seconds=time.monotonic() - began)

    def _watch(self) -> None:
        watch = Watch(self.plan, self.clock, self._days, self.folder, self._silent())
        watch.begin()
        self._say("watching")
        status = full_status(self.folder)
        show_status(self.console, status)
        show_measures(self.console, status)
        self.console.print("Ctrl-C stops everything that was started here.")
        known, look_at = site_states(self.ports.url("aggregator")), 0.0
        while True:
            self._check()
            for line in watch.step():
                self.console.print(line, highlight=False)
            if time.monotonic() >= look_at:
                known = self._changes(known)
                self._say("watching" if self._behind() else "real time")
                look_at = time.monotonic() + _LOOK_SECONDS
            time.sleep(0.1)

    def _changes(self, known: dict[str, str]) -> dict[str, str]:
        now = site_states(self.ports.url("aggregator")) or known
        for site, state in now.items():
            if known.get(site) != state:
                self.console.print(f"{self.clock.now():%Y-%m-%d}  {site}: {known.get(site, 'new')} → {state}", highlight=False)
        return now

    def _behind(self) -> bool:
        return dt.datetime.now(dt.UTC) - self.clock.now() > dt.timedelta(minutes=1)

    def _first_data(self, day: int) -> None:
        """Notes when the first hospital's numbers were there."""
        if self.state.seconds_to_first_data is None and day < 5:
            states = site_states(self.ports.url("aggregator"))
            if "fresh" in states.values():
                self.state = replace(self.state, seconds_to_first_data=time.monotonic() - self._began)

    def _measure(self, **measures: float) -> None:
        url = f"{self.ports.url('aggregator')}/metrics"
        plain = httpx.get(url, headers={"Accept-Encoding": "identity"}, trust_env=False)
        with httpx.stream("GET", url, headers={"Accept-Encoding": "gzip"}, trust_env=False) as packed:
            gzip_bytes = sum(len(chunk) for chunk in packed.iter_raw())
        measures |= {
            "metrics_bytes": float(len(plain.content)),
            "metrics_gzip_bytes": float(gzip_bytes),
            "memory_bytes": float(memory_bytes([*self.supervisor.processes(), self.state.driver])),
        }
        self.state = replace(self.state, measures=measures)

    def _say(self, phase: Phase) -> None:
        counts = {h.hospital.id: (h.written.patients, h.written.files) for h in self._days}
        self.state = replace(self.state.with_patients(counts), phase=phase, moment=self.clock.now().isoformat())
        self.state.write(self.folder)

    def _check(self) -> None:
        self.supervisor.check()
        if self.stopped():
            raise _Stopped


class _Stopped(Exception):
    """Somebody asked the demo to end."""
