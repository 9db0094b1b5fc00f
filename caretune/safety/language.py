"""Which language a text is in, as far as the heads must know: English, or not measured here.

A deliberately small rule: the share of English function words against those of six neighbours (with
their words of danger, which short cries for help are made of), and the share of Latin letters. A
short text with letters that English lacks and no English function word is unknown. Other short texts
of unlisted languages count as English.
"""

import re
import unicodedata
from collections.abc import Sequence

ENGLISH = "en"
UNKNOWN = "und"
"""Not English, and none of the languages told apart here."""

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_ASCII_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
"""The same for a text that is ASCII, where it takes half the time."""
_MIN_WORDS = 8
_MIN_ENGLISH_RATE = 0.12
_MIN_LATIN_RATE = 0.7
_MIN_FOREIGN_RATE = 0.25

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


def detect(plain: str) -> str:
    """Return "en", another language's code, or "und"; text without letters is English."""
    letters = [] if plain.isascii() else [character for character in plain if character.isalpha()]
    latin = sum(1 for character in letters if character < "\u0250" or _is_latin(character))
    if letters and latin / len(letters) < _MIN_LATIN_RATE:
        return UNKNOWN
    words = (_ASCII_WORD if plain.isascii() else _WORD).findall(plain.lower())
    english = sum(map(ENGLISH_WORDS.__contains__, words))
    foreign = list(filter(_ANY_FOREIGN.__contains__, words))
    least = max(2, english + 1, _MIN_FOREIGN_RATE * len(words))
    if len(foreign) >= least:
        counts = {
            language: sum(map(table.__contains__, foreign)) for language, table in _FOREIGN.items()
        }
        best = max(counts, key=lambda language: counts[language])
        if counts[best] >= least:
            return best
    if english == 0 and len(words) > 1 and not plain.isascii() and _has_foreign_letter(words):
        return UNKNOWN
    if len(words) >= _MIN_WORDS and english / len(words) < _MIN_ENGLISH_RATE:
        return UNKNOWN
    return ENGLISH


def _has_foreign_letter(words: Sequence[str]) -> bool:
    return any(not word.isascii() for word in words)


def _is_latin(character: str) -> bool:
    return unicodedata.name(character, "").startswith("LATIN")
