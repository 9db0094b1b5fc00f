"""Client profiles (CSV) in dialogue with our own counsellors: dual-persona rows.

Every profile meets each counsellor of personas.yaml once. The rows of a profile name it as their
client's background, so that they are one family. A profile whose description tells another age than
its columns, or a dialogue that breaks its profile, leaves by `persona_inconsistent`.
"""

from collections.abc import Sequence
from pathlib import Path

from caretune.corpus.sources import files, persona_check, persona_dialogue, profile
from caretune.corpus.sources.profile import Profile
from caretune.corpus.sources.raw import RawConversation, Rows
from caretune.errors import SourceError
from caretune.records import BadRow, Client

# Upper ends of the age bands that the authored dialogues use.
_BANDS = ((17, "teen"), (25, "young_adult"), (64, "adult"))


def read(path: Path) -> Rows:
    """Yield one dialogue for each profile and counsellor; the counsellor is the category.

    Raises:
        SourceError: A column is missing.
    """

    def choose(header: Sequence[str]) -> Sequence[str]:
        missing = [name for name in profile.COLUMNS if name not in header]
        if missing:
            raise SourceError(
                f"{path}: expected a CSV header with {', '.join(profile.COLUMNS)}; missing: "
                f"{', '.join(missing)}. Check the file, or choose another adapter in params.ingest."
            )
        return profile.COLUMNS

    for line, row in files.csv_rows(path, choose):
        found = row if isinstance(row, BadRow) else profile.parse(row)
        if isinstance(found, BadRow):
            yield line, found
        elif isinstance(found, str):
            yield line, BadRow(line, "bad_field", f"not understood: column {found}")
        elif set(found.described_ages) - {found.age}:
            problem = "age at column persona_description, against age_onset"
            yield line, BadRow(line, "persona_inconsistent", problem)
        else:
            for counsellor in persona_dialogue.counsellors():
                yield line, _row(line, found, counsellor)


def _row(line: int, client: Profile, counsellor: str) -> RawConversation | BadRow:
    messages = persona_dialogue.write(client, counsellor)
    broken = persona_check.check_consistent(messages, client)
    if broken:
        return BadRow(line, "persona_inconsistent", f"with {counsellor}: {', '.join(broken)}")
    band = next((name for end, name in _BANDS if client.age <= end), "older_adult")
    return RawConversation(
        messages,
        category=counsellor,
        client=Client(band, f"profile {client.id}, {client.home}, {client.job}"),
        person=client.name or None,
    )
