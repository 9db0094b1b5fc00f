"""Which language a text is in, as far as the heads must know: English, or not measured here.

Three small rules. Letters: mostly Latin, or unknown. Six neighbours: their function words (with their
words of danger, which short cries for help are made of) outnumber the English ones. Strangeness: the
words that are not everyday English outweigh those that are, in the whole text, in one clause or in a
run of words, so that a foreign cry after an English opening is seen. Names within a clause, numbers,
addresses, drawn-out words and words of an English form are no evidence of another language.
"""

import re
import unicodedata
from collections.abc import Sequence
from itertools import filterfalse

ENGLISH = "en"
UNKNOWN = "und"
"""Not English, and none of the languages told apart here."""

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_ASCII_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
"""The same for a text that is ASCII, where it takes half the time."""
_MIN_LATIN_RATE = 0.7
_MIN_FOREIGN_RATE = 0.25

_STRANGE, _EVERYDAY, _SHARED_WEIGHT, _ENGLISH_FORM_WEIGHT = 2, -3, -1, -1
"""What a word tells. Chosen by hand on the labelled messages: .0015 of 14,451 are not English then, most
of them truly mixed; .0028 where the everyday words come from the other four fifths of them."""

_MIN_STRANGE_RUN = 6
"""A run's sum of weights: three strange words, or more where English stands among them."""
_MIN_STRANGE = 2
_MIN_STRANGE_BESIDE = 3
"""Strange words that a clause needs where one everyday word looks like a foreign one ("hen", "mai")."""

_FUNCTION_WORDS = {
    "en": "i you he she it we they me him her them my your his its our their the a an and or but if "
    "so of to in on at for with from by as is am are was were be been do does did have has had not "
    "no can could will would should this that these those what who when where how why there here "
    "just about up out im ive dont cant i'm i've don't can't it's want all one get got like now "
    "myself feel help please anyone still think know",
    "de": "ich du er sie es wir ihr mich dich mir dir der das ein eine einen und oder aber nicht "
    "ist bin sind war mit von zu auf für ich's kein keine will mehr auch so wenn dass nur noch "
    "sterben töten umbringen leben tot hilfe angst bitte kann",
    "es": "yo tú él ella nosotros me te se lo la los las un una y o pero no es soy está estoy de que "
    "en por para con mi tu su más quiero como cuando si ya muy nada vida "
    "quiero morir morirme matarme suicidarme ayuda puedo miedo",
    "fr": "je tu il elle nous vous me te se le la les un une des et ou mais ne pas est suis de que "
    "qui dans pour avec mon ma mes plus veux j'ai c'est n'ai très rien vie "
    "mourir tuer suicider aide peux peur j'en",
    "it": "io tu lui lei noi mi ti si lo la gli le un una e o ma non è sono di che in per con mio mia "
    "più voglio come quando se già molto niente vita "
    "morire uccidermi ammazzarmi suicidarmi aiuto posso paura",
    "pt": "eu tu ele ela nós me te se o a os as um uma e ou mas não é sou de que em por para com meu "
    "minha mais quero como quando já muito nada vida "
    "morrer matar suicidar ajuda posso medo",
    "nl": "ik jij hij zij wij mij jou het de een en of maar niet is ben zijn was met van te op voor "
    "mijn geen wil meer ook als dat nog "
    "sterven dood zelfmoord doden leven hulp bang kan",
}


ENGLISH_WORDS = frozenset(_FUNCTION_WORDS[ENGLISH].split())
"""English function words."""

_FOREIGN = {
    language: frozenset(words.split()) - ENGLISH_WORDS
    for language, words in sorted(_FUNCTION_WORDS.items())
    if language != ENGLISH
}
_ANY_FOREIGN = frozenset[str]().union(*_FOREIGN.values())


_LOOKALIKES = (
    "a am an as bin da dam dan de dem den di die dies do elf en ha hai hat he hi in is ja ka la le ma "
    "man me men met mi na ni no on or pa po pus sa sang see si so to top tu van war was will"
)
_SHARED = _ANY_FOREIGN | frozenset(_LOOKALIKES.split())
"""Words that English messages hold and other languages too; they tell little."""

_TAKEN_OVER = (
    "hola namaste salaam salam alaikum assalamu inshallah mashallah bonjour merci gracias adios ciao "
    "amigo amigos feliz navidad idk tbh nvm ttyl brb hmm hun xx"
)
_GREETINGS = frozenset(_TAKEN_OVER.split())
"""Greetings, and letters for words, that English messages hold."""

_SAYINGS = re.compile(
    r"\b(?:c'est la vie|mi casa(?: es su casa)?|la casa de papel|la vie en rose|que sera,? sera"
    r"|je ne sais quoi|hakuna matata|carpe diem|hasta la vista|bon voyage|deja vu|aglio e olio"
    r"|pad thai|banh mi|tikka masala)\b",
    re.IGNORECASE,
)
"""Sayings, titles and dishes that English has taken over."""

_EDGE = ".,;:!?\"'()[]*_-\u2026\u2013\u2014"
_CLAUSE_END = frozenset(".,;:!?)\u2026\u2013\u2014-")
_SENTENCE_END = frozenset(".!?\u2026")
_DRAWN_OUT = re.compile(r"(.)\1\1")
_ENGLISH_FORM = re.compile(
    r"(?:[^aeiou]ed|..(?:ings?|ly|ness|ments?|ions?|ity|ities|ism|ous|ive|able|ible|ful|less|ship"
    r"|ists?|ally|ght|'s|s'|n't|'ve|'re|'d|'ll))$"
)
_ENDINGS = ("s", "es", "d", "r", "y", "in", "er", "n", "ish", "z", "e")
_MIN_STEM = 3


def detect(plain: str, common: frozenset[str]) -> str:
    """Return "en", another language's code, or "und"; text without letters is English.

    Args:
        plain: The text, apostrophes and spaces made plain.
        common: Everyday English words in lower case, some thousands: a word that is missing here
            counts as strange.
    """
    letters = [] if plain.isascii() else [character for character in plain if character.isalpha()]
    latin = sum(1 for character in letters if character < "\u0250" or _is_latin(character))
    if letters and latin / len(letters) < _MIN_LATIN_RATE:
        return UNKNOWN
    verdict = _judge(plain, common)
    if verdict == ENGLISH:
        return ENGLISH
    bare = _SAYINGS.sub(" ", plain)
    return verdict if bare == plain else _judge(bare, common)


def _judge(plain: str, common: frozenset[str]) -> str:
    words = _words(plain)
    strange = sum(1 for _ in filterfalse(common.__contains__, words))
    foreign = sum(map(_ANY_FOREIGN.__contains__, words))
    if foreign >= _MIN_STRANGE and (neighbour := _neighbour(words)):
        return neighbour
    if not plain.isascii() and _has_foreign_letter(words) and _lacks_english(words):
        return UNKNOWN
    if max(strange, foreign) < _MIN_STRANGE:
        return ENGLISH
    return UNKNOWN if _is_strange(plain, common) else ENGLISH


def _words(plain: str) -> list[str]:
    return (_ASCII_WORD if plain.isascii() else _WORD).findall(plain.lower())


def _lacks_english(words: Sequence[str]) -> bool:
    return len(words) > 1 and ENGLISH_WORDS.isdisjoint(words)


def _neighbour(words: Sequence[str]) -> str | None:
    """Return which of the six languages has more words of the text than English, if any."""
    english = sum(map(ENGLISH_WORDS.__contains__, words))
    foreign = list(filter(_ANY_FOREIGN.__contains__, words))
    least = max(2, english + 1, _MIN_FOREIGN_RATE * len(words))
    if len(foreign) < least:
        return None
    counts = {
        language: sum(map(table.__contains__, foreign)) for language, table in _FOREIGN.items()
    }
    best = max(counts, key=lambda language: counts[language])
    return best if counts[best] >= least else None


def _is_strange(plain: str, common: frozenset[str]) -> bool:
    """Tell whether a clause, a run of words or the whole text is of words that are not English."""
    run = 0
    weights: list[int] = []
    clause: list[int] = []
    opens, shouted = True, plain.isupper()
    for token in plain.split():
        if word := token.strip(_EDGE):
            everyday = word in common and word not in _SHARED
            weight = _EVERYDAY if everyday else _weight(word, opens or shouted, common)
            run = max(0, run + weight)
            if run >= _MIN_STRANGE_RUN:
                return True
            clause.append(weight)
            opens = False
        if token[-1] in _CLAUSE_END:
            if _is_strange_clause(clause):
                return True
            weights += clause
            clause = []
            opens = opens or token[-1] in _SENTENCE_END
    weights += clause
    whole = weights.count(_STRANGE) >= _MIN_STRANGE and _EVERYDAY not in weights
    return whole or _is_strange_clause(clause)


def _is_strange_clause(weights: Sequence[int]) -> bool:
    strange, everyday = weights.count(_STRANGE), weights.count(_EVERYDAY)
    if strange >= _MIN_STRANGE_BESIDE:
        return everyday <= 1 and strange > len(weights) - strange
    return strange >= _MIN_STRANGE and strange == len(weights)


def _weight(word: str, may_be_capital: bool, common: frozenset[str]) -> int:
    """Return how much a word speaks for another language (above 0) or for English (below 0)."""
    low = word.lower()
    if low in _SHARED:
        return _SHARED_WEIGHT if low in common else _STRANGE
    if low in common:
        return _EVERYDAY
    if low in _GREETINGS:
        return 0
    is_name = word != low and not may_be_capital
    if is_name or len(low) == 1 or not low.replace("'", "").isalpha() or _DRAWN_OUT.search(low):
        return 0
    if _ENGLISH_FORM.search(low) or _has_common_stem(low, common):
        return _ENGLISH_FORM_WEIGHT
    return _STRANGE


def _has_common_stem(word: str, common: frozenset[str]) -> bool:
    return any(
        len(stem) >= _MIN_STEM and stem in common
        for stem in (word.removesuffix(ending) for ending in _ENDINGS)
    )


def _has_foreign_letter(words: Sequence[str]) -> bool:
    return any(not word.isascii() for word in words)


def _is_latin(character: str) -> bool:
    return unicodedata.name(character, "").startswith("LATIN")
