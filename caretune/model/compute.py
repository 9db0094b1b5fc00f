"""How this process computes: the number of threads, on which the bytes of a run depend."""

import torch
from transformers.utils import logging


def prepare(threads: int) -> None:
    """Fix the threads of torch, and keep the model libraries' own progress bars off the log."""
    torch.set_num_threads(threads)
    logging.disable_progress_bar()
