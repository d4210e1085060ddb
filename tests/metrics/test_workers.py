"""Workers: as many as the process may use threads, each with one for itself."""

import threading

import pytest
import torch

from alignkit.metrics.workers import parallel_map, workers


@pytest.mark.parametrize("allowed", [1, 3])
def test_there_are_as_many_workers_as_threads_are_allowed(allowed):
    before = torch.get_num_threads()
    torch.set_num_threads(allowed)
    barrier = threading.Barrier(allowed)

    def work(item):
        if item < allowed:
            barrier.wait(30)  # all of them are at work at once
        return item, threading.get_ident(), torch.get_num_threads()

    try:
        with workers():
            items, who, threads = zip(*parallel_map(work, range(2 * allowed + 1)), strict=True)
        assert torch.get_num_threads() == allowed
    finally:
        torch.set_num_threads(before)
    assert items == tuple(range(2 * allowed + 1))
    assert len(set(who)) == allowed
    assert set(threads) == {1}


def test_a_worker_does_further_work_itself():
    def work(_):
        return {threading.get_ident(), *parallel_map(lambda _: threading.get_ident(), range(3))}

    with workers():
        assert [len(who) for who in parallel_map(work, range(4))] == [1] * 4
