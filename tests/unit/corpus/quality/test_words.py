"""The stemmer, the lists, and how a text is cut to words."""

import pytest

from caretune.corpus.quality import words


@pytest.mark.parametrize(
    "forms",
    [
        "worry worries worried worrying",
        "stop stops stopped stopping",
        "grieve grieves grieved grieving",
        "anxious anxiously anxiousness",
        "hope hopes hoped hoping",
        "mother mothers mother's",
    ],
)
def test_forms_have_one_stem(forms):
    """Inflected forms of a word are one stem."""
    assert len(words.stems(forms.split())) == 1


@pytest.mark.parametrize("word", ["as", "is", "red", "king", "bee", "yes"])
def test_short_words_are_left(word):
    """At least three letters stay of a word."""
    assert len(words.stem(word)) >= min(3, len(word))


def test_a_stem_without_a_change_is_itself():
    """A word without an ending is its own stem."""
    assert words.stem("grief") == "grief"


def test_a_full_memory_starts_afresh():
    """The memory of stems stays bounded, and forgets nothing that matters."""
    memory = words._Stems()
    for number in range(words._CACHED_STEMS + 1):
        dict.__setitem__(memory, str(number), "")
    assert memory["hoping"] == words.stem("hoping")
    assert len(memory) == 1


def test_typographic_marks_are_typed_ones():
    """Curly apostrophes do not split a word; the text is then ASCII and cut the quick way."""
    plain = words.plain("I Don\u2019t \u2013 \u201cWell\u201d\u2026\u00a0no")
    assert plain.isascii()
    assert words.split(plain) == ["i", "don't", "well", "no"]


@pytest.mark.parametrize(
    ("low", "expected"),
    [
        ("'tis the dogs' bowl", ["tis", "the", "dogs", "bowl"]),
        ("\"don't\" he'd said, ''quote''", ["don't", "he'd", "said", "quote"]),
        ("2am, 9to5; x-ray\n\t'", ["am", "to", "x", "ray"]),
        ("' '' '' '", []),
        ("", []),
    ],
)
def test_an_apostrophe_stands_inside_a_word(low, expected):
    """Quotes around words, digits and marks are no part of them."""
    assert words.split(low) == expected


def test_both_ways_of_cutting_agree():
    """A text with one accented word is cut by the pattern, and its other words as without it."""
    plain = "it's 'odd', isn't it? 12 of them's o'clock -- yes!"
    assert words.split(plain) == words.split(f"{plain} caf\u00e9")[:-1]


def test_accented_letters_are_letters():
    """A word with an accent is one word."""
    assert words.split(words.plain("caf\u00e9 na\u00efve")) == ["caf\u00e9", "na\u00efve"]


def test_the_lists_do_not_contradict_each_other():
    """No function word is therapeutic, and each list holds as many words as it seems."""
    lists = words.load()
    assert not lists.function & lists.fit
    assert lists.english < lists.function
    assert len(lists.english) > 200
    assert len(lists.fit) > 300
    assert all(template == template.lower() for template in lists.templates)


@pytest.mark.parametrize("word", ["ill", "hell", "shed"])
def test_words_left_without_an_apostrophe_are_other_words(word):
    """`i'll` is grammar and `ill` is not."""
    assert word not in words.load().function
