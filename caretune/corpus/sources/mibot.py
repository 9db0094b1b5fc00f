"""MIBOT: motivational interviews of a counsellor and people who smoke, coded utterance by utterance.

JSON lines, one interview each: `participant_id` and `utterances` of `{speaker, text,
auto_misc_label}`. The counsellor is the assistant and speaks first. The codes come from a model
(AutoMISC), not from a person; those of the counsellor are Q (question), R (reflection), MICO and
MIIN (consistent and inconsistent with motivational interviewing) and Other. What the client's codes
say of change (C, S, N) is not kept.
"""

from pathlib import Path
from typing import Literal

import msgspec

from caretune.corpus.sources import raw
from caretune.corpus.sources.raw import RawConversation, Rows

_CATEGORY = "smoking cessation"
_ROLES = {"counsellor": "assistant", "client": "user"}


class _Utterance(msgspec.Struct):
    speaker: Literal["counsellor", "client"]
    text: str
    code: str = msgspec.field(name="auto_misc_label")


class _Interview(msgspec.Struct):
    participant_id: str
    utterances: list[_Utterance]


def read(path: Path) -> Rows:
    """Yield one conversation an interview: the utterances of a volley make one turn.

    `strategy` of an assistant turn is the distinct codes of its utterances, sorted, as `MICO, Q`.
    The participant's id travels as `person` to the door and no further.
    """
    return raw.read_jsonl(path, _Interview, _conversation)


def _conversation(row: _Interview) -> RawConversation:
    spoken = ((_ROLES[said.speaker], said.text, [said.code]) for said in row.utterances)
    return RawConversation(raw.join_turns(spoken), category=_CATEGORY, person=row.participant_id)
