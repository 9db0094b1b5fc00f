"""The process computes with the threads that its parameters name."""

import torch

from caretune.model import compute


def test_threads_are_fixed():
    """Torch uses as many threads as params say, since another number gives other bytes."""
    before = torch.get_num_threads()
    try:
        compute.prepare(2)
        assert torch.get_num_threads() == 2
    finally:
        compute.prepare(before)
