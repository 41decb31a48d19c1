"""A scan spread over the hospital's other machines: files are read by the workers of a Dask cluster.

Only reading is spread; the inventory stays here. The workers need the same release, the same
shares at the same paths, and get the site's secret of pseudonyms, so nothing but TLS reaches them
from another machine.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from studyscope_contract.yaml_file import Strict
from studyscope_exporter.extras import ExtraMissing
from studyscope_exporter.release_number import release_number
from studyscope_exporter.site_path import SitePath
from studyscope_exporter.sources.source import Finding, SourceUnavailable

if TYPE_CHECKING:
    from distributed import Client, Security

CONNECT_SECONDS = 10

P = ParamSpec("P")
T = TypeVar("T")


class DaskSettings(Strict):
    """The scheduler of the cluster, and how this machine proves who it is."""

    scheduler: str = Field(description="tls://HOST:PORT; tcp:// only on this machine")
    ca_file: SitePath | None = Field(default=None, description="PEM of the authority of the cluster's certificates")
    certificate: SitePath | None = Field(default=None, description="PEM of this machine's certificate and key")

    @field_validator("scheduler")
    @classmethod
    def _is_an_address(cls, scheduler: str) -> str:
        parts = urlsplit(scheduler)
        if parts.scheme not in ("tls", "tcp") or not parts.hostname or not parts.port:
            raise ValueError("must be tls://HOST:PORT, as the scheduler prints it")
        if parts.scheme == "tcp" and not _is_this_machine(parts.hostname):
            raise ValueError("must be tls://: the site's secret goes to the workers, and only this machine may do without")
        return scheduler

    @model_validator(mode="after")
    def _has_certificates(self) -> Self:
        if self.scheduler.startswith("tls://") and not (self.ca_file and self.certificate):
            raise ValueError("tls:// needs ca_file and certificate: Dask's workers and we prove to each other who we are")
        return self


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class ScanCluster(Executor):
    """Connects with the first call, so that an exporter that waits holds no line; `let_go` ends it until the next.

    A call raises SourceUnavailable, for now, where the cluster cannot do it: the scan keeps what it had
    and goes on from there the next time. Raises ExtraMissing.
    """

    def __init__(self, settings: DaskSettings) -> None:
        self._settings = settings
        self._client: Client | None = None
        self._executor: Executor | None = None

    def submit(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        if self._executor is None:
            self._client = self._connected()
            self._executor = self._client.get_executor(pure=False, retries=2)
        given: Future[T] = Future()
        given.set_running_or_notify_cancel()
        self._executor.submit(call, *args, **kwargs).add_done_callback(lambda done: self._hand_on(done, given))
        return given

    def _hand_on(self, done: Future[T], given: Future[T]) -> None:
        problem = None if done.cancelled() else done.exception()
        if done.cancelled() or problem is not None:
            why = f"{type(problem).__name__}" if problem else "the connection was lost"
            given.set_exception(self._unavailable(f"lost the files that it was reading ({why}); see the log of its workers"))
        else:
            given.set_result(done.result())

    def let_go(self) -> None:
        """Ends the connection, where there is one."""
        client, self._client, self._executor = self._client, None, None
        if client is not None:
            client.close()

    def check(self) -> list[Finding]:
        """Connects once; raises ExtraMissing."""
        try:
            client = self._connected()
        except SourceUnavailable as problem:
            return [Finding(False, str(problem))]
        with client:
            workers = len(client.scheduler_info(n_workers=-1)["workers"])
        return [Finding(True, f"Dask cluster {self._settings.scheduler}: {workers} workers of this release read files")]

    def _connected(self) -> Client:
        try:
            from distributed import Client
        except ImportError:
            raise ExtraMissing("dask", "a scan on a Dask cluster") from None
        try:
            client = Client(self._settings.scheduler, security=self._security(), timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise self._unavailable(
                f"cannot be reached ({type(error).__name__}): is its scheduler running, and TLS right?"
            ) from None
        try:
            self._see_releases(client)
        except SourceUnavailable:
            client.close()
            raise
        return client

    def _security(self) -> Security | None:
        if not self._settings.scheduler.startswith("tls://"):
            return None
        from distributed import Security

        ours = str(self._settings.certificate)
        return Security(
            tls_ca_file=str(self._settings.ca_file), tls_client_cert=ours, tls_client_key=ours, require_encryption=True
        )

    def _see_releases(self, client: Client) -> None:
        """Another release reads headers otherwise, and the inventory would not know which file was read how."""
        try:
            releases: dict[str, Any] = client.run(release_number, on_error="return")
        except (OSError, TimeoutError, RuntimeError) as error:
            raise self._unavailable(f"does not answer ({type(error).__name__})") from None
        if not releases:
            raise self._unavailable("has no workers: start some with `dask worker`")
        ours = release_number()
        wrong = sorted(worker for worker, release in releases.items() if release != ours)
        if wrong:
            raise self._unavailable(f"has workers without Studyscope {ours}: install this release on {', '.join(wrong[:3])}")

    def _unavailable(self, why: str) -> SourceUnavailable:
        return SourceUnavailable(f"Dask cluster {self._settings.scheduler} {why}", temporary=True)
