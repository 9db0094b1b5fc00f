"""The tokenizer is learned from the training rows and can write anything."""

from caretune.model import tokenizer
from tests.fixtures.models import END_OF_TURN, TEMPLATE

TEXTS = ["I sleep badly.", "You sleep badly, and you are tired.", "Since the move I am tired."]


def _learn(texts: list[str]):
    return tokenizer.learn(texts, 300, TEMPLATE, END_OF_TURN)


def test_any_text_comes_back():
    """Byte level: words, scripts and signs never seen are encoded without loss."""
    words = _learn(TEXTS)
    text = "naïve 日本語 🙂\t tired"
    assert words.decode(words(text)["input_ids"]) == text


def test_vocabulary_is_kept():
    """The vocabulary has at most the size asked for, and pad, start and end are one token each."""
    words = _learn(TEXTS)
    assert len(words) <= 300
    assert [words(t)["input_ids"] for t in (tokenizer.PAD, tokenizer.START, END_OF_TURN)] == [
        [0],
        [1],
        [2],
    ]


def test_equal_texts_give_equal_bytes():
    """Two learnings of the same texts are the same file."""
    assert _learn(TEXTS).backend_tokenizer.to_str() == _learn(TEXTS).backend_tokenizer.to_str()


def test_padding_is_not_the_end():
    """Padding and end are different tokens."""
    words = _learn(TEXTS)
    assert words.pad_token_id != words.eos_token_id
