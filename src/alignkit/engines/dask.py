"""Dask as an engine: a local cluster, a running scheduler, or a batch system.

Dask runs pickled functions from anyone who can reach its ports, other users of the machine
included. So a cluster that is started here takes only connections with its own temporary keys
(TLS), a local one moreover listens on the loopback interface only, and a scheduler elsewhere must
be reached over TLS unless the user vouches for the network.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import shlex
import shutil
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from alignkit.bounds.counts import MOST_PROCESSES, check_count
from alignkit.engines.job import Job, Outcome
from alignkit.engines.local import visible_gpus
from alignkit.engines.perform import outcome_from, perform_elsewhere, this_place
from alignkit.errors import AlignkitError, UsageError, first_line, in_one_line
from alignkit.progress import SILENT, Reporter

NO_DASHBOARD = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
PATIENCE = 20  # seconds for a scheduler to answer
QUEUES = {
    "slurm": "SLURMCluster",
    "pbs": "PBSCluster",
    "lsf": "LSFCluster",
    "sge": "SGECluster",
    "oar": "OARCluster",
    "htcondor": "HTCondorCluster",
    "moab": "MoabCluster",
}


class DaskEngine:
    """Jobs on a Dask cluster. The job of a lost worker is run again by another.

    Parameters
    ----------
    workers : int
        Processes of a local cluster, or batch jobs of a batch system.
    scheduler : str
        The address of a running scheduler, whose workers are used as they are.
    queue : mapping
        ``kind`` (slurm, pbs, lsf, ...) and the keywords of dask-jobqueue's cluster of that
        kind, such as ``queue``, ``account``, ``cores``, ``memory``, ``walltime``.
    gpus : int
        GPUs of each worker; jobs that need GPUs go to such workers only.
    trust_network : bool
        Accept a scheduler on another machine without TLS.
    scratch : Path
        Folder for the temporary keys of a batch system; every machine must see it.
    reporter : Reporter
        Notified when jobs wait for a worker that does not exist.

    Raises
    ------
    UsageError
        When the options contradict each other, or the scheduler cannot be reached safely.
    AlignkitError
        When Dask is not installed, or the scheduler does not answer.
    """

    slots = sys.maxsize  # Dask queues by itself, and scales by what is queued

    def __init__(
        self,
        workers: int = 2,
        scheduler: str = "",
        queue: Mapping[str, Any] | None = None,
        gpus: int = 0,
        trust_network: bool = False,
        scratch: Path = Path(),
        reporter: Reporter = SILENT,
    ) -> None:
        check_count("workers", workers, 1, MOST_PROCESSES)
        if scheduler and queue:
            raise UsageError("both `scheduler` and a batch system were given; choose one")
        self._scheduler, self._reporter, self._is_wait_reported = scheduler, reporter, False
        self._cluster: Any = None
        self._client: Any = None
        self._submissions = _Submissions()
        try:
            self._open(workers, scheduler, queue, gpus, trust_network, scratch)
        except ImportError as error:
            # Some of Dask's own import errors are sentences and name no module.
            lacking = f"{error.name} is not installed, and" if error.name else f"{error}:"
            raise AlignkitError(
                f"{lacking} `engine=dask` needs it; install the extra: "
                "pip install 'alignkit[cluster]'"
            ) from None
        except (OSError, TimeoutError) as error:
            self.close()
            raise AlignkitError(
                f"no answer from {scheduler or 'the cluster'}: {first_line(error)}; "
                "check that the scheduler is running"
            ) from None

    def submit(self, job: Job) -> None:
        """Send a job to the cluster and return at once."""
        future = self._client.submit(
            perform_elsewhere,
            asdict(job),
            this_place(),
            pure=False,
            resources={"GPU": job.gpus} if job.gpus else None,
            priority=1 if job.after else 0,  # finish what has begun before starting anything else
        )
        self._submitted[future.key] = job
        self._ended.add(future)

    def wait(self) -> Outcome:
        """Return the outcome of the next job to end.

        Raises
        ------
        AlignkitError
            When the connection is lost, or the batch system accepts no job.
        """
        self._wait_for_an_end()
        future = next(self._ended)
        job = self._submitted[future.key]
        if future.status == "finished":
            return outcome_from(job, future.result())
        if future.status in ("cancelled", "lost"):
            raise AlignkitError(
                "the connection to the Dask scheduler was lost; rerun the same command to resume, "
                "finished jobs are kept"
            )
        error = future.exception()
        return Outcome(job, "failed", kind=type(error).__name__, error=in_one_line(error))

    def close(self) -> None:
        """Disconnect, and stop the cluster that this engine started."""
        for part in (self._client, self._cluster):
            if part is not None:
                part.close()

    def _wait_for_an_end(self) -> None:
        """Wait for a job to end, and report once if none can start."""
        begun = time.monotonic()
        while not self._ended.has_ready():
            if self._submissions.refused and not self._submissions.accepted:
                raise AlignkitError(
                    f"the batch system accepted no job: {self._submissions.refused[0]}"
                )
            if not self._is_wait_reported and time.monotonic() - begun > PATIENCE:
                self._is_wait_reported = True
                if lacking := self._lacking():
                    self._reporter.note(f"note: {lacking}")
            with self._ended.thread_condition:
                self._ended.thread_condition.wait(0.1)

    def _lacking(self) -> str:
        """Return which worker is missing for the jobs that wait, and how to start it."""
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        if not workers and not self._scheduler:
            return "jobs are waiting for the first worker to start"
        gpus = max((job.gpus for job in self._submitted.values()), default=0)
        most = max((worker["resources"].get("GPU", 0) for worker in workers), default=0)
        if not workers or most < gpus:
            what = f"no worker that declares GPU={gpus}" if workers else "no worker"
            address = self._scheduler or "ADDRESS"
            command = f"dask worker {address} --nthreads 1"
            if gpus:
                command = f"dask worker {address} --nthreads 1 --resources GPU={gpus}"
            return (
                f"jobs are waiting: {self._scheduler or 'the cluster'} has {what}; "
                f"start one: {command}"
            )
        return ""

    def _open(
        self,
        workers: int,
        scheduler: str,
        queue: Mapping[str, Any] | None,
        gpus: int,
        trust_network: bool,
        scratch: Path,
    ) -> None:
        from distributed import Client, as_completed

        _quiet()  # only now: importing Dask sets the levels of its logs
        if scheduler:
            _require_safe(scheduler, trust_network)
            self._client = Client(scheduler, timeout=PATIENCE, set_as_default=False)
        else:
            self._cluster = (
                _batch_cluster(queue, workers, gpus, scratch, self._submissions)
                if queue
                else _local(workers, gpus)
            )
            self._client = Client(self._cluster, set_as_default=False)
        self._submitted: dict[str, Job] = {}
        with self._client.as_current():
            self._ended = as_completed([])


def _local(workers: int, gpus: int) -> Any:
    """Start processes on this machine that listen on loopback, each with its own GPUs."""
    from distributed import LocalCluster
    from distributed.security import Security

    class Cluster(LocalCluster):
        def new_worker_spec(self) -> dict[Any, Any]:
            spec: dict[Any, Any] = super().new_worker_spec()  # type: ignore[no-untyped-call]
            return {
                name: {**worker, "options": worker["options"] | {"env": visible_gpus(name, gpus)}}
                for name, worker in spec.items()
            }

    cluster = Cluster(  # type: ignore[no-untyped-call]
        n_workers=0,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        protocol="tls://",
        security=Security.temporary(),
        scheduler_kwargs=NO_DASHBOARD,
        silence_logs=logging.CRITICAL,
        memory_limit=0,
        resources={"GPU": gpus} if gpus else None,
    )
    cluster.scale(workers)  # type: ignore[no-untyped-call]
    return cluster


@dataclass
class _Submissions:
    """How a batch system answered the jobs that were submitted to it."""

    accepted: int = 0
    refused: list[str] = field(default_factory=list)

    def watched(self, kind: type[Any]) -> type[Any]:
        """Return a class of batch jobs that records refusals, which Dask would only log."""
        from distributed.core import Status

        class Watched(kind):  # type: ignore[misc]
            async def start(job) -> None:
                try:
                    await super().start()
                    self.accepted += 1
                except Exception as error:
                    self.refused.append(_reason(error))
                    job.status = Status.failed  # or closing the cluster trips over it
                    raise

        return Watched


def _reason(error: Exception) -> str:
    """Return the informative line of an error of dask-jobqueue: that of the command, if any."""
    said = re.split(r"^\s*stderr:\s*$", str(error), maxsplit=1, flags=re.MULTILINE)[-1]
    return first_line(said) or first_line(error)


def _batch_cluster(
    queue: Mapping[str, Any], workers: int, gpus: int, scratch: Path, submissions: _Submissions
) -> Any:
    """Start a cluster whose workers are jobs of a batch system, connected over TLS."""
    import dask_jobqueue
    from distributed.security import Security

    options = dict(queue)
    kind = options.pop("kind", None)
    if kind not in QUEUES:
        raise UsageError(f"[engine.queue] kind is {kind!r}; known: {', '.join(QUEUES)}")
    scratch.mkdir(parents=True, exist_ok=True)
    if gpus:
        declared = ["--resources", f"GPU={gpus}"]
        options["worker_extra_args"] = [*options.get("worker_extra_args", []), *declared]
    defaults = {
        # One process and one thread per batch job: jobs set their own number of threads.
        "cores": 1,
        "processes": 1,
        "memory": "8GB",
        "security": Security.temporary(),
        "protocol": "tls://",
        "shared_temp_directory": str(scratch.resolve()),
        "scheduler_options": NO_DASHBOARD,
    }
    cluster_class = getattr(dask_jobqueue, QUEUES[kind])
    command = shlex.split(cluster_class.job_cls.submit_command or "")
    if workers and command and shutil.which(command[0]) is None:
        raise UsageError(
            f"[engine.queue] {kind} submits jobs with '{command[0]}', which is not installed on "
            "this machine; run the command on a login node, or remove the section"
        )
    try:
        cluster = cluster_class(
            **(defaults | options | {"job_cls": submissions.watched(cluster_class.job_cls)})
        )
    except (TypeError, ValueError, RuntimeError) as error:
        reason = _reason(error).partition(" Very likely")[0]
        raise UsageError(f"[engine.queue] for {kind}: {reason}") from None
    cluster.scale(jobs=workers)
    return cluster


def _require_safe(address: str, trusted: bool) -> None:
    """Refuse an address on another machine that is neither encrypted nor vouched for."""
    parts = urlsplit(address)
    if parts.scheme not in ("tcp", "tls") or not parts.hostname or parts.port is None:
        raise UsageError(
            f"`scheduler={address}` is not an address; write one like tcp://127.0.0.1:8786"
        )
    if parts.scheme == "tls" or trusted or _is_loopback(parts.hostname):
        return
    raise UsageError(
        f"`scheduler={address}` is on another machine and not encrypted: anyone who can reach it "
        "can run code; start it with TLS and write tls://, or set `trust_network` if nobody else "
        "uses the network"
    )


def _is_loopback(host: str) -> bool:
    try:
        addresses = {info[4][0] for info in socket.getaddrinfo(host, None)}
        return all(ipaddress.ip_address(address).is_loopback for address in addresses)
    except (OSError, ValueError):
        return False


def _quiet() -> None:
    """Silence Dask's log: what matters of it becomes an outcome."""
    for name in (
        "distributed",
        "distributed.client",
        "distributed.nanny",
        "distributed.worker",
        "tornado.application",
        "asyncio",
    ):
        logging.getLogger(name).setLevel(logging.CRITICAL)
