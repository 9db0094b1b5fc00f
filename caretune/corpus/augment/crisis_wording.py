"""Sentences that may carry risk: augmentation keeps them to the letter.

Two lists. The first is crisis wording, kept in every row. The second holds everyday words that turn
grave in company (drink, plan, voices); it counts too unless the row's authors said that there is no
crisis. Both are broad on purpose: a sentence held back costs one paraphrase, a risk word lost would
teach the model a milder crisis than the one that was written.
"""

import re
from collections.abc import Sequence

from caretune.records import Conversation, Message, crisis_severity
from caretune.safety.taxonomy import Severity

# Word starts after the C-SSRS ladder, the seven crisis types and VERA-MH's coded speech.
_CRISIS = (
    r"suicid|kill|kms\b|unalive|die\b|dying|dead\b|death|end(?:ing)? (?:it|my|your|things)"
    r"|(?:hurt|harm|cut|burn)(?:s|ing|ting)? (?:my|your|him|her|them)|self[- ]?harm|overdos"
    r"|disappear|burden|better off|not (?:be|wake|exist)|no point|no way out|hopeless|worthless"
    r"|goodbye|weapon|gun|knife|blade|razor|rope|hang(?:ing)? my|jump|drown|pills?\b|tablets?\b|poison"
    r"|bleed|blood|wound|abus|threat|strangl|stab|shoot|shot\b|voices?\b|command|relaps|detox|purg"
    r"|vomit|ambulance|emergency|crisis|hotline|samaritans|(?:un)?safe|988|999|911|112|116 123"
)
_GRAVE = (
    r"alone\b|anymore|attack|bye|drank|drink|drug|drunk|escape|everyone would|exist|final|forever"
    r"|harm|hate myself|hear|hits?\b|hospital|hurt|last time|life\b|live\b|meds?\b|medic|numb|order"
    r"|pain|panic|peace|plan|police|punch|punish|scream|sleep|smash|stash|suffer|the end|tonight"
    r"|trapped|using|violen|wake|watch|without me"
)
_CORE = re.compile(rf"\b(?:{_CRISIS})", re.IGNORECASE)
_BROAD = re.compile(rf"\b(?:{_CRISIS}|{_GRAVE})", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?…])(?=\s)|(?=\n)")


def pattern(conversation: Conversation) -> re.Pattern[str]:
    """Return the risk pattern of a row: crisis wording alone where its authors saw no crisis."""
    return _CORE if crisis_severity(conversation) == Severity.NONE else _BROAD


def sentences(text: str) -> list[str]:
    """Split text after its sentence ends; joined again, the pieces are the text, byte for byte."""
    return [piece for piece in _SENTENCE.split(text) if piece]


def kept(conversation: Conversation) -> list[str]:
    """Return the user's sentences that a child must repeat to the letter, in order."""
    risk = pattern(conversation)
    return [
        sentence.strip()
        for message in conversation.messages
        if message.role == "user"
        for sentence in sentences(message.content)
        if risk.search(sentence)
    ]


def missing(kept_sentences: Sequence[str], child: Sequence[Message]) -> int:
    """Count the kept sentences that stand in no user turn of the child."""
    said = [message.content for message in child if message.role == "user"]
    return sum(not any(sentence in text for text in said) for sentence in kept_sentences)
