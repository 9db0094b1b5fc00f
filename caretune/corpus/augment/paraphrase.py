"""Strategy: the same dialogue in other words; crisis wording stays to the letter.

Deterministic rules: phrases and contractions from the table beside this module, and the order of
an if- or when-clause. A sentence with any word of the risk list is not touched, in either role; at
high risk no user turn is touched at all.

That crisis wording stays is proved by how a turn is put together: it is cut into sentences that join
to the turn byte for byte, each sentence is mapped by itself, one that carries risk to itself, and the
results are joined in their order. A property test holds that over generated turns, and
`pipeline.check_conserved` for every child that is made.
"""

import random
import re
from functools import cache

import msgspec

from caretune.corpus import crisis_wording
from caretune.corpus.augment.draft import Draft, acute, table
from caretune.records import Conversation, Message

_WORDS_PER_EDIT = 40
"""Fewer edits than one in so many words: too near to the parent to be worth a row."""
_CHANCE = 0.8
_FRONTED = re.compile(
    r"(?P<space>\s*)(?P<word>If|When|Once|Before|After) (?P<clause>[^,;:.?!\"()]{8,90}), "
    r"(?:then )?(?P<main>[a-zI][^,;:.?!\"()]{8,110})(?P<end>[.?])"
)
_AFTER_NOT = re.compile(
    r"\s+(?:you|it|we|they|he|she|i|that|there|this|the|your|people)\b", re.IGNORECASE
)


def draft(parent: Conversation, generator: random.Random) -> Draft | None:
    """Rewrite what may be rewritten; None where too little of the dialogue may."""
    fixed_user = acute(parent)
    risk = crisis_wording.pattern(parent)
    edits: list[str] = []
    rewritten = [
        turn
        if turn.role == "system" or (turn.role == "user" and fixed_user)
        else msgspec.structs.replace(turn, content=_rewrite(turn, risk, generator, edits))
        for turn in parent.messages
    ]
    words = sum(len(turn.content.split()) for turn in parent.messages)
    if len(edits) * _WORDS_PER_EDIT < words:
        return None
    return Draft(msgspec.structs.replace(parent, messages=rewritten), sorted(set(edits)))


def _rewrite(
    turn: Message, risk: re.Pattern[str], generator: random.Random, edits: list[str]
) -> str:
    return "".join(
        sentence
        if risk.search(sentence)
        else _rephrase(_reorder(sentence, generator, edits), turn.role, generator, edits)
        for sentence in crisis_wording.sentences(turn.content)
    )


def _reorder(sentence: str, generator: random.Random, edits: list[str]) -> str:
    """Move a fronted clause behind its main clause: `If X, Y.` becomes `Y if X`."""
    match = _FRONTED.fullmatch(sentence)
    if match is None or generator.random() > _CHANCE:
        return sentence
    edits.append("clause order")
    space, word, clause, main, end = match.group("space", "word", "clause", "main", "end")
    return f"{space}{main[0].upper()}{main[1:]} {word.lower()} {clause}{end}"


def _rephrase(sentence: str, role: str, generator: random.Random, edits: list[str]) -> str:
    """Replace the phrases of the table, each with the chance of 0.8, keeping the writer's case."""
    rules = _rules(role)

    def replaced(match: re.Match[str]) -> str:
        phrase, key = match[0], match[0].lower()
        question = phrase[0].isupper() and sentence.rstrip().endswith("?")
        inverted = "n't" in key and (question or _AFTER_NOT.match(sentence, match.end()))
        shouted = len(phrase) > 1 and phrase.isupper()
        if inverted or shouted or generator.random() > _CHANCE:
            return phrase
        edits.append(key)
        return _cased(generator.choice(rules[key]), phrase, sentence, match.start())

    return _pattern(role).sub(replaced, sentence)


def _cased(replacement: str, phrase: str, sentence: str, start: int) -> str:
    """Give a replacement the case of the phrase; `I` stays large where its writer has it large."""
    opens = not sentence[:start].strip(" \n\"'(")
    if phrase[0].isupper() and opens:
        return replacement[0].upper() + replacement[1:]
    lower_writer = phrase.startswith("i") or not re.search(r"\bI\b|^\W*[A-Z]", sentence)
    return re.sub(r"\bI\b", "i", replacement) if lower_writer else replacement


@cache
def _rules(role: str) -> dict[str, list[str]]:
    rules = table("paraphrase")
    return {**rules["any"], **rules[role]}


@cache
def _pattern(role: str) -> re.Pattern[str]:
    phrases = sorted(_rules(role), key=lambda phrase: (-len(phrase), phrase))
    return re.compile(
        rf"(?<![\w'-])(?:{'|'.join(map(re.escape, phrases))})(?![\w'-])", re.IGNORECASE
    )
