"""Tokenizers: a byte-level BPE learned from the training rows, and the template each one carries."""

from collections.abc import Iterable
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

PAD = "<|pad|>"
START = "<|im_start|>"


def learn(texts: Iterable[str], vocabulary: int, template: str, end_of_turn: str) -> Any:
    """Learn a byte-level BPE tokenizer; every text can be encoded, so there is no unknown token.

    Args:
        texts: Message contents of the training rows alone.
        vocabulary: Tokens, the three special ones and the 256 bytes included.
        template: The chat template.
        end_of_turn: Token that ends a turn; it is also the end of a sequence.
    """
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    special = [PAD, START, end_of_turn]
    backend.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocabulary,
            special_tokens=special,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        ),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token=PAD,
        eos_token=end_of_turn,
        additional_special_tokens=[START],
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = template
    return tokenizer
