"""Engines: the same outcomes everywhere, dependencies kept, killed workers replaced."""

import os
from contextlib import closing

import pytest

from alignkit.engines import Job, run_jobs
from alignkit.engines.dask import DaskEngine
from alignkit.engines.local import local_engine, visible_gpus
from alignkit.errors import AlignkitError, DataError, UsageError
from alignkit.progress import Reporter

WORK = "work_for_tests"


def _job(name, function, after=(), **arguments):
    return Job(name, f"{WORK}:{function}", arguments, after=tuple(after))


def _engine(name):
    if name == "dask":
        pytest.importorskip("distributed")
        return DaskEngine(workers=2)
    return local_engine(1 if name == "in process" else 2)


@pytest.fixture(scope="module", params=["in process", "processes", "dask"])
def engine(request):
    """Every engine; workers find the jobs on the path that they inherit."""
    with pytest.MonkeyPatch.context() as patch, closing(_opened(request, patch)) as opened:
        yield opened


def _opened(request, patch):
    here = os.path.dirname(__file__)
    patch.syspath_prepend(here)
    patch.setenv("PYTHONPATH", here)
    return _engine(request.param)


def _run(engine, *jobs):
    return {outcome.job.name: outcome for outcome in run_jobs(jobs, engine)}


def test_values_come_back(engine):
    ends = _run(engine, *(_job(f"add {i}", "add", a=i, b=1) for i in range(5)))
    assert {name: end.value for name, end in ends.items()} == {f"add {i}": i + 1 for i in range(5)}
    assert all(end.state == "done" and end.seconds >= 0 for end in ends.values())


def test_an_error_of_ours_keeps_its_class_and_others_go_on(engine):
    ends = _run(
        engine, _job("bad", "fail"), _job("worse", "stumble"), _job("good", "add", a=1, b=1)
    )
    assert ends["good"].value == 2
    assert (ends["bad"].state, ends["bad"].error) == ("failed", "there are no data")
    with pytest.raises(DataError, match="there are no data"):
        raise ends["bad"].exception()
    with pytest.raises(AlignkitError, match="KeyError: 'absent'"):
        raise ends["worse"].exception()
    assert "stumble" in ends["worse"].traceback


def test_a_job_that_ends_the_program_is_a_failure_and_others_go_on(engine):
    ends = _run(engine, _job("bad", "end"), _job("good", "add", a=1, b=1))
    assert (ends["bad"].state, ends["bad"].kind) == ("failed", "SystemExit")
    assert ends["good"].value == 2


def test_what_comes_after_a_failure_is_not_tried_and_the_rest_is_in_order(engine, tmp_path):
    file = str(tmp_path / "log")
    ends = _run(
        engine,
        _job("last", "log", ["second"], file=file, word="3"),
        _job("second", "log", ["first"], file=file, word="2"),
        _job("first", "log", ["done long ago"], file=file, word="1"),
        _job("bad", "fail"),
        _job("after bad", "log", ["bad"], file=file, word="x"),
        _job("far after bad", "log", ["after bad"], file=file, word="x"),
    )
    assert (tmp_path / "log").read_text().split() == ["1", "2", "3"]
    assert {n for n, end in ends.items() if end.state == "skipped"} == {
        "after bad",
        "far after bad",
    }
    assert ends["far after bad"].error == "not run: bad failed"


def test_threads_are_those_of_the_job(engine):
    job = Job("threads", f"{WORK}:threads", {}, threads=2)
    assert _run(engine, job)["threads"].value == 2
    assert _run(engine, _job("one", "threads"))["one"].value == 1


def test_jobs_run_in_the_folder_of_the_command(engine, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert _run(engine, _job("where", "folder"))["where"].value == str(tmp_path)


def test_what_is_said_elsewhere_is_kept(engine):
    end = _run(engine, _job("add", "add", a=1, b=2))["add"]
    assert end.notes in ((), ("1 + 2",))  # in this process it was heard at once


@pytest.mark.slow
@pytest.mark.parametrize("name", ["processes", "dask"])
def test_code_that_is_given_no_reporter_is_heard_too(name, request, monkeypatch):
    request.param = name
    with closing(_opened(request, monkeypatch)) as engine:
        end = _run(engine, _job("read", "note_of_a_library", text="it is damaged"))["read"]
    assert end.notes == ("it is damaged",)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["processes", "dask"])
def test_the_job_of_a_killed_worker_is_run_again(name, request, tmp_path, monkeypatch):
    request.param = name
    with closing(_opened(request, monkeypatch)) as engine:
        ends = _run(
            engine,
            _job("killed", "die_once", file=str(tmp_path / "marker")),
            *(_job(f"add {i}", "add", a=i, b=0) for i in range(4)),
        )
        assert ends["killed"].value == "done after all"
        assert all(end.state == "done" for end in ends.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["processes", "dask"])
def test_a_job_that_kills_every_worker_fails_alone(name, request, monkeypatch):
    request.param = name
    with closing(_opened(request, monkeypatch)) as engine:
        ends = _run(engine, _job("deadly", "always_die"), _job("good", "add", a=1, b=1))
        assert ends["good"].state == "done"
        assert ends["deadly"].state == "failed"
        assert "kill" in ends["deadly"].error.lower()


def test_each_worker_sees_its_own_gpus(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert visible_gpus(0, 0) == {}
    assert [visible_gpus(i, 2)["CUDA_VISIBLE_DEVICES"] for i in range(2)] == ["0,1", "2,3"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    assert [visible_gpus(i, 1)["CUDA_VISIBLE_DEVICES"] for i in range(2)] == ["4", "6"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["local", "dask"])
def test_gpus_are_shown_and_claimed(name, monkeypatch):
    monkeypatch.syspath_prepend(os.path.dirname(__file__))
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(__file__))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    opened = local_engine(2, gpus=1) if name == "local" else DaskEngine(workers=2, gpus=1)
    with closing(opened) as engine:
        jobs = [
            Job(f"see {i}", f"{WORK}:environment", {"name": "CUDA_VISIBLE_DEVICES"}, gpus=1)
            for i in range(4)
        ]
        seen = {outcome.value for outcome in run_jobs(jobs, engine)}
    assert seen == {"0", "1"}


def test_bad_numbers_are_refused():
    with pytest.raises(UsageError, match="`jobs` is 0"):
        local_engine(0)
    with pytest.raises(UsageError, match="`workers` is 0"):
        DaskEngine(workers=0)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("tcp://192.0.2.1:8786", "not encrypted.*`trust_network`"),
        ("8786", "is not an address"),
        ("http://127.0.0.1:1", "is not an address"),
    ],
)
def test_an_unsafe_scheduler_is_refused(address, message):
    with pytest.raises(UsageError, match=message):
        DaskEngine(scheduler=address)


def test_a_queue_needs_a_known_kind(tmp_path):
    pytest.importorskip("dask_jobqueue")
    with pytest.raises(UsageError, match="kind is 'slrum'; known: slurm"):
        DaskEngine(queue={"kind": "slrum"}, scratch=tmp_path)


@pytest.fixture
def batch_system(tmp_path, monkeypatch):
    """Put the commands of a batch system on the path: each a few lines of sh."""
    pytest.importorskip("dask_jobqueue")
    pytest.importorskip("cryptography")
    folder = tmp_path / "commands"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def command(name, text):
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)

    return command


SLURM = {"kind": "slurm", "walltime": "01:00:00", "interface": "lo"}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"bogus": 1}, r"for slurm: Got unexpected keyword argument 'bogus'\.$"),
        ({"interface": "nosuch0"}, "'nosuch0' is not a valid network interface"),
    ],
)
def test_a_queue_with_a_wrong_option_is_one_line(batch_system, tmp_path, more, message):
    batch_system("sbatch", "exit 1")
    with pytest.raises(UsageError, match=message) as raised:
        DaskEngine(queue=SLURM | more, scratch=tmp_path)
    assert "\n" not in str(raised.value)


def test_a_queue_whose_command_is_not_there_is_refused(tmp_path, monkeypatch):
    pytest.importorskip("dask_jobqueue")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="with 'sbatch', which is not installed on this machine"):
        DaskEngine(queue=SLURM, scratch=tmp_path)


@pytest.mark.slow
def test_a_job_that_is_refused_ends_the_waiting(batch_system, tmp_path):
    batch_system("sbatch", "echo 'sbatch: error: invalid partition' >&2; exit 1")
    with (
        closing(DaskEngine(workers=2, queue=SLURM, scratch=tmp_path)) as engine,
        pytest.raises(AlignkitError, match="accepted no job: sbatch: error: invalid partition"),
    ):
        _run(engine, _job("add", "add", a=1, b=1))


@pytest.mark.slow
def test_jobs_of_a_queue_do_the_work(batch_system, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(os.path.dirname(__file__))
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(__file__))
    job = tmp_path / "job.sh"
    batch_system(
        "sbatch", f'cp "$1" {job}; sh {job} > {tmp_path}/log 2>&1 &\necho "Submitted batch job $!"'
    )
    batch_system("scancel", 'kill "$1"')
    with closing(DaskEngine(workers=1, queue=SLURM, scratch=tmp_path)) as engine:
        assert _run(engine, _job("add", "add", a=1, b=1))["add"].value == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("workers", "gpus", "said"),
    [
        (0, 0, "has no worker; start one: dask worker tcp"),
        (1, 1, "no worker that declares GPU=1.*--resources GPU=1"),
    ],
)
def test_jobs_that_no_worker_can_run_say_what_to_start(monkeypatch, workers, gpus, said):
    pytest.importorskip("distributed")
    from distributed import LocalCluster

    monkeypatch.setattr("alignkit.engines.dask.PATIENCE", 5)

    class Told(Exception):
        """Raised by what is said, to end the waiting."""

    class Listening(Reporter):
        def note(self, text):
            raise Told(text)

    options = {"threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with (
        LocalCluster(n_workers=workers, **options) as cluster,
        closing(DaskEngine(scheduler=cluster.scheduler_address, reporter=Listening())) as engine,
        pytest.raises(Told, match=said),
    ):
        _run(engine, Job("add", f"{WORK}:add", {"a": 1, "b": 1}, gpus=gpus))


def test_without_dask_the_extra_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(AlignkitError, match=r"alignkit\[cluster\]"):
        DaskEngine()


def test_an_import_error_that_is_a_sentence_stays_one(monkeypatch):
    def lacking(*_):
        raise ImportError("TLS requires `cryptography`")

    monkeypatch.setattr(DaskEngine, "_open", lacking)
    with pytest.raises(AlignkitError, match=r"^TLS requires `cryptography`: `engine=dask` needs"):
        DaskEngine()


@pytest.mark.slow
def test_a_local_cluster_listens_on_loopback_only():
    psutil = pytest.importorskip("psutil")
    pytest.importorskip("distributed")
    with closing(DaskEngine(workers=2)) as engine:
        engine._client.wait_for_workers(2)
        here = psutil.Process()
        processes = [here, *here.children(recursive=True)]
        listening = {
            c.laddr.ip
            for p in processes
            for c in p.net_connections("inet")
            if c.status == psutil.CONN_LISTEN
        }
    assert listening == {"127.0.0.1"}


@pytest.mark.slow
def test_a_scheduler_that_runs_already_is_used(monkeypatch):
    pytest.importorskip("distributed")
    from distributed import LocalCluster

    monkeypatch.syspath_prepend(os.path.dirname(__file__))
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(__file__))
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=2, host="127.0.0.1", dashboard_address="127.0.0.1:0"
        ) as cluster,
        closing(DaskEngine(scheduler=cluster.scheduler_address)) as engine,
    ):
        assert _run(engine, _job("add", "add", a=2, b=2))["add"].value == 4


def test_a_scheduler_that_does_not_answer_is_one_line(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("alignkit.engines.dask.PATIENCE", 1)
    with pytest.raises(AlignkitError, match=r"no answer from tcp://127\.0\.0\.1:9"):
        DaskEngine(scheduler="tcp://127.0.0.1:9")


def test_a_job_script_declares_gpus_and_encrypts(tmp_path):
    """No batch system is at hand: look at the job that would be sent to it."""
    pytest.importorskip("dask_jobqueue")
    pytest.importorskip("cryptography")
    from alignkit.engines.dask import _batch_cluster, _Submissions

    cluster = _batch_cluster(SLURM | {"queue": "gpu"}, 0, 1, tmp_path, _Submissions())
    with closing(cluster):
        script = cluster.job_script()
    assert "#SBATCH -p gpu" in script
    assert "--resources GPU=1" in script
    assert "--nthreads 1" in script
    assert "tls" in script


def test_a_local_cluster_refuses_clients_without_its_keys():
    distributed = pytest.importorskip("distributed")
    from distributed.security import Security

    with closing(DaskEngine(workers=1)) as engine:
        address = engine._cluster.scheduler_address
        assert address.startswith("tls://127.0.0.1:")
        port = address.rpartition(":")[2]
        ways = (
            (f"tcp://127.0.0.1:{port}", None),
            (address, Security.temporary()),  # TLS too, with other keys
        )
        for place, keys in ways:
            with pytest.raises((OSError, TimeoutError)):
                distributed.Client(place, security=keys, timeout=3, set_as_default=False)
        ends = _run(engine, _job("add", "add", a=1, b=1))  # it goes on for its own client
        assert ends["add"].value == 2
