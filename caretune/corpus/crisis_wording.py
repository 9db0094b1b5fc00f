"""Sentences that may carry risk: augmentation keeps them to the letter.

Two lists. The first is crisis wording, kept in every row. The second holds everyday words that turn
grave in company (drink, plan, voices); it counts too unless the row's authors said that there is no
crisis. Both are broad on purpose: a sentence held back costs one paraphrase, a risk word lost would
teach the model a milder crisis than the one that was written.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from caretune.records import Conversation, Message, Role, crisis_severity
from caretune.safety.taxonomy import Severity

# Word starts after the C-SSRS ladder, the seven crisis types and VERA-MH's coded speech.
_CRISIS = (
    r"suicid|kill|kms\b|unalive|die\b|dying|dead\b|death|end(?:ing)? (?:it|my|your|things)"
    r"|(?:hurt|harm|cut|burn)(?:s|ing|ting)? (?:my|your|him|her|them)|self[- ]?harm|overdos"
    r"|disappear|burden|better off|not (?:be|wake|exist)|no point|no way out|hopeless|worthless"
    r"|goodbye|weapon|gun|knife|blade|razor|rope|hang(?:ing)? my|jump|drown|pills?\b|tablets?\b|poison"
    r"|bleed|blood|wound|abus|threat|strangl|stab|shoot|shot\b|voices?\b|command|relaps|detox|purg"
    r"|vomit|ambulance|emergency|crisis|hotline|samaritans|(?:un)?safe"
)
_LINES = r"988|999|911|112|116 123"
_GRAVE = (
    r"alone\b|anymore|attack|bye|drank|drink|drug|drunk|escape|everyone would|exist|final|forever"
    r"|harm|hate myself|hear|hits?\b|hospital|hurt|last time|life\b|live\b|meds?\b|medic|numb|order"
    r"|pain|panic|peace|plan|police|punch|punish|scream|sleep|smash|stash|suffer|the end|tonight"
    r"|trapped|using|violen|wake|watch|without me"
)
_CORE = re.compile(rf"\b(?:{_CRISIS}|{_LINES})", re.IGNORECASE)
_BROAD = re.compile(rf"\b(?:{_CRISIS}|{_LINES}|{_GRAVE})", re.IGNORECASE)
_SPOKEN = re.compile(
    rf"\b(?:{_CRISIS})|(?<![\d+])(?<!\d[\s.()-])(?<!\d[\s.()-]{{2}})(?:{_LINES})(?![\s.()-]{{0,2}}\d)",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?…])(?=\s)|(?=\n)")


def pattern(conversation: Conversation) -> re.Pattern[str]:
    """Return the risk pattern of a row: crisis wording alone where its authors saw no crisis."""
    return _CORE if crisis_severity(conversation) == Severity.NONE else _BROAD


def sentences(text: str) -> list[str]:
    """Split text after its sentence ends; joined again, the pieces are the text, byte for byte."""
    return [piece for piece in _SENTENCE.split(text) if piece]


def kept(conversation: Conversation, role: Role = "user") -> tuple[str, ...]:
    """Return the sentences of a role that a child must repeat to the letter, in order."""
    texts = (message.content for message in conversation.messages if message.role == role)
    return _risky(tuple(texts), pattern(conversation))


@lru_cache(maxsize=8)
def _risky(texts: tuple[str, ...], risk: re.Pattern[str]) -> tuple[str, ...]:
    """Find them once for all children of a row."""
    return tuple(
        sentence.strip() for text in texts for sentence in sentences(text) if risk.search(sentence)
    )


def missing(kept_sentences: Sequence[str], child: Sequence[Message], role: Role = "user") -> int:
    """Count the kept sentences that do not stand, byte for byte and in order, in the child's turns.

    Turns of other roles do not count.
    """
    said = "\0".join(message.content for message in child if message.role == role)
    place, lost = 0, 0
    for sentence in kept_sentences:
        found = said.find(sentence, place)
        if found < 0:
            lost += 1
        else:
            place = found + len(sentence)
    return lost


def words(message: Message) -> list[str]:
    """Return every crisis word of a turn in order, lines that a person can call included.

    Digits count only as a line's whole number, never as a part of a longer one.
    """
    return [word.casefold() for word in _SPOKEN.findall(message.content)]
