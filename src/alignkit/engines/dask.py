"""Dask as an engine: a local cluster, a scheduler that runs already, or a job queue.

Dask sends functions as pickles to whoever can reach its ports. So a cluster of our own
listens on loopback only, a job queue's is encrypted with keys made for the occasion, and a
scheduler elsewhere must be reached by TLS unless the user vouches for the network.
"""

from __future__ import annotations

import ipaddress
import logging
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

from alignkit.engines.job import Job, Outcome
from alignkit.engines.local import visible_gpus
from alignkit.engines.perform import outcome_from, perform_elsewhere, this_place
from alignkit.errors import AlignkitError, UsageError
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
    """Units on a Dask cluster. What a lost worker was doing is done anew by another.

    Parameters
    ----------
    workers : int
        Of a local cluster or a job queue: how many processes, or jobs.
    scheduler : str
        The address of a scheduler that runs already; its workers are used as they are.
    queue : mapping
        ``kind`` (slurm, pbs, lsf, ...) and the keywords of dask-jobqueue's cluster of that
        kind, such as ``queue``, ``account``, ``cores``, ``memory``, ``walltime``.
    gpus : int
        GPUs that each worker has; units that need one go to no other worker.
    trust_network : bool
        Accept a scheduler elsewhere without TLS.
    scratch : Path
        Where a job queue's keys lie while it works; every machine must see it.
    reporter : Reporter
        Told when units wait for a worker that is not there.

    Raises
    ------
    UsageError
        When the pieces do not go together, or the scheduler cannot be reached safely.
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
        if workers < 1:
            raise UsageError(f"--workers is {workers}; it must be at least 1")
        if scheduler and queue:
            raise UsageError("a scheduler's address and a job queue were given; choose one")
        self._scheduler, self._talk, self._waits_said = scheduler, reporter, False
        self._cluster: Any = None
        self._client: Any = None
        self._jobs = _Jobs()
        try:
            self._open(workers, scheduler, queue, gpus, trust_network, scratch)
        except ImportError as error:
            # Some of Dask's own import errors are a sentence and name no module.
            lacking = f"{error.name} is not installed, and" if error.name else f"{error}:"
            raise AlignkitError(
                f"{lacking} --engine dask needs it; install the extra: "
                "pip install 'alignkit[cluster]'"
            ) from None
        except (OSError, TimeoutError) as error:
            self.close()
            raise AlignkitError(
                f"no answer from {scheduler or 'the cluster'}: {str(error).splitlines()[0]}; "
                "is the scheduler running?"
            ) from None

    def submit(self, job: Job) -> None:
        future = self._client.submit(
            perform_elsewhere,
            asdict(job),
            this_place(),
            pure=False,
            resources={"GPU": job.gpus} if job.gpus else None,
            priority=1 if job.after else 0,  # finish what is begun before the next begins
        )
        self._submitted[future.key] = job
        self._ended.add(future)

    def wait(self) -> Outcome:
        self._wait_for_an_end()
        future = next(self._ended)
        job = self._submitted[future.key]
        if future.status == "finished":
            return outcome_from(job, future.result())
        if future.status in ("cancelled", "lost"):
            raise AlignkitError(
                "the connection to the Dask scheduler was lost; run the same command again, "
                "what is done is kept"
            )
        error = future.exception()
        return Outcome(
            job,
            "failed",
            kind=type(error).__name__,
            error=f"{type(error).__name__}: {str(error).strip().splitlines()[0]}",
        )

    def close(self) -> None:
        for held in (self._client, self._cluster):
            if held is not None:
                held.close()

    def _wait_for_an_end(self) -> None:
        """Wait, and say once why nothing can begin."""
        begun = time.monotonic()
        while not self._ended.has_ready():
            if self._jobs.refused and not self._jobs.taken:
                raise AlignkitError(f"the batch system took no job: {self._jobs.refused[0]}")
            if not self._waits_said and time.monotonic() - begun > PATIENCE:
                self._waits_said = True
                if lacking := self._lacking():
                    self._talk.note(f"note: {lacking}")
            with self._ended.thread_condition:
                self._ended.thread_condition.wait(0.1)

    def _lacking(self) -> str:
        """What the workers that are there cannot do for any unit, and how to get it."""
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        if not workers and not self._scheduler:
            return "units wait for the first worker to start"
        gpus = max((job.gpus for job in self._submitted.values()), default=0)
        most = max((worker["resources"].get("GPU", 0) for worker in workers), default=0)
        if not workers or most < gpus:
            what = f"no worker that declares GPU={gpus}" if workers else "no worker"
            resources = f" --resources GPU={gpus}" if gpus else ""
            return (
                f"units wait, as {self._scheduler or 'the cluster'} has {what}; start one: "
                f"dask worker {self._scheduler or 'ADDRESS'} --nthreads 1{resources}"
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
                _job_queue(queue, workers, gpus, scratch, self._jobs)
                if queue
                else _local(workers, gpus)
            )
            self._client = Client(self._cluster, set_as_default=False)
        self._submitted: dict[str, Job] = {}
        with self._client.as_current():
            self._ended = as_completed([])


def _local(workers: int, gpus: int) -> Any:
    """Processes on this machine that listen on loopback, each shown its own GPUs."""
    from distributed import LocalCluster

    class Cluster(LocalCluster):
        def new_worker_spec(self) -> dict[Any, Any]:
            spec = super().new_worker_spec()
            return {
                name: {**worker, "options": worker["options"] | {"env": visible_gpus(name, gpus)}}
                for name, worker in spec.items()
            }

    cluster = Cluster(
        n_workers=0,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        scheduler_kwargs=NO_DASHBOARD,
        silence_logs=logging.CRITICAL,
        memory_limit=0,
        resources={"GPU": gpus} if gpus else None,
    )
    cluster.scale(workers)
    return cluster


@dataclass
class _Jobs:
    """What a batch system said to the jobs that were sent to it."""

    taken: int = 0
    refused: list[str] = field(default_factory=list)

    def watched(self, kind: type[Any]) -> type[Any]:
        """A kind of job that tells: Dask itself would only log that a job was refused, and wait."""
        from distributed.core import Status

        class Watched(kind):  # type: ignore[misc]
            async def start(job) -> None:
                try:
                    await super().start()
                    self.taken += 1
                except Exception as error:
                    self.refused.append(_reason(error))
                    job.status = Status.failed  # or closing the cluster trips over it
                    raise

        return Watched


def _reason(error: Exception) -> str:
    """The line that matters of an error of dask-jobqueue: what the command said, if anything."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if "stderr:" in lines[:-1]:
        lines = lines[lines.index("stderr:") + 1 :]
    return (lines or [type(error).__name__])[0]


def _job_queue(
    queue: Mapping[str, Any], workers: int, gpus: int, scratch: Path, jobs: _Jobs
) -> Any:
    """A cluster whose workers are jobs of a batch system, over TLS."""
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
        # One process and one thread in a job: the units fix their own threads.
        "cores": 1,
        "processes": 1,
        "memory": "8GB",
        "security": Security.temporary(),
        "protocol": "tls://",
        "shared_temp_directory": str(scratch.resolve()),
        "scheduler_options": NO_DASHBOARD,
    }
    made = getattr(dask_jobqueue, QUEUES[kind])
    command = shlex.split(made.job_cls.submit_command or "")
    if workers and command and shutil.which(command[0]) is None:
        raise UsageError(
            f"[engine.queue] {kind} submits jobs by '{command[0]}', which is not on this machine; "
            "run the command where jobs are submitted, or leave the section out"
        )
    try:
        cluster = made(**(defaults | options | {"job_cls": jobs.watched(made.job_cls)}))
    except (TypeError, ValueError, RuntimeError) as error:
        said = _reason(error).partition(" Very likely")[0]
        raise UsageError(f"[engine.queue] for {kind}: {said}") from None
    cluster.scale(jobs=workers)
    return cluster


def _require_safe(address: str, trusted: bool) -> None:
    """Refuse an address elsewhere that is neither encrypted nor vouched for."""
    parts = urlsplit(address)
    if parts.scheme not in ("tcp", "tls") or not parts.hostname or parts.port is None:
        raise UsageError(f"--scheduler {address} is no address; write tcp://127.0.0.1:8786")
    if parts.scheme == "tls" or trusted or _is_loopback(parts.hostname):
        return
    raise UsageError(
        f"--scheduler {address} is on another machine and not encrypted: whoever reaches it can "
        "run code; start it with TLS and write tls://, or add --trust-network if the network is "
        "yours alone"
    )


def _is_loopback(host: str) -> bool:
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None)}
        return all(ipaddress.ip_address(address).is_loopback for address in found)
    except (OSError, ValueError):
        return False


def _quiet() -> None:
    """Keep Dask's log to itself: what matters of it becomes an outcome."""
    for name in (
        "distributed",
        "distributed.client",
        "distributed.nanny",
        "distributed.worker",
        "tornado.application",
        "asyncio",
    ):
        logging.getLogger(name).setLevel(logging.CRITICAL)
