# Copyright (c) mmteso contributors. All rights reserved.
from typing import Callable, List

import pytest
import torch
from torch import Tensor
from torch import distributed as dist
from torch import multiprocessing as mp


def _rank(rank: int, store: str, compute: Callable[[int], Tensor],
          results) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        'gloo', init_method=f'file://{store}', rank=rank, world_size=2)
    results.put((rank, compute(rank).tolist()))
    dist.barrier()
    dist.destroy_process_group()


@pytest.fixture
def on_two_ranks(tmp_path):
    """Run ``compute(rank)`` in two forked processes of a gloo group."""

    def run(compute: Callable[[int], Tensor]) -> List[Tensor]:
        context = mp.get_context('fork')
        results = context.Queue()
        processes = [
            context.Process(
                target=_rank,
                args=(rank, tmp_path / 'store', compute, results))
            for rank in range(2)
        ]
        for process in processes:
            process.start()
        try:
            values = dict(results.get(timeout=60) for _ in processes)
        finally:
            for process in processes:
                process.join(10)
                if process.is_alive():
                    process.kill()
        return [torch.tensor(values[rank]) for rank in range(2)]

    return run
