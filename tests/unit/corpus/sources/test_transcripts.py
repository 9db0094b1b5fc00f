"""The adapter of transcripts: WebVTT, SRT and speaker-labelled text."""

import pytest

from caretune.corpus.sources import transcripts
from caretune.errors import SourceError
from caretune.records import BadRow

VOICES = """WEBVTT

NOTE made up for this test

1
00:00:01.000 --> 00:00:03.000
<v Therapist>How was the, um, week?

00:00:03.500 --> 00:00:06.000
<v Client>I kept the lamp on.

00:00:06.000 --> 00:00:08.000
Every night, I think.

00:00:07.500 --> 00:00:09.000
<v Therapist>Mm-hm.

00:00:08.500 --> 00:00:09.000
<v Client>Until noon.

00:00:09.500 --> 00:00:12.000
<v Therapist>What did the light give you?
"""
LABELLED = """Session 4
Date: a Tuesday

Therapist: How was the week?
Client: I told him: stop.
It went on and on.
Therapist: What came next?
"""


def write(tmp_path, name, text):
    """Write a transcript and return its path."""
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def only(path):
    """Return the one row of a file."""
    ((line, row),) = transcripts.read(path)
    assert line == 1
    return row


def said(row):
    """Return the turns of a row as (role, text)."""
    return [(message.role, message.content) for message in row.messages]


def test_voices_become_turns(tmp_path):
    """Cues of one voice are joined, a cue without a voice goes on, fillers and backchannels go."""
    row = only(write(tmp_path, "one.vtt", VOICES))
    assert said(row) == [
        ("assistant", "How was the week?"),
        ("user", "I kept the lamp on. Every night, I think. Until noon."),
        ("assistant", "What did the light give you?"),
    ]
    assert row.person is None
    assert row.style == []


def test_overlapping_cues_are_kept_and_counted(tmp_path):
    """Each of two cues that begin in another speaker's is kept and costs its share of the quality."""
    assert only(write(tmp_path, "one.vtt", VOICES)).scores["transcription_quality"] == 0.6667
    apart = VOICES.replace("00:00:07.500", "00:00:08.000").replace("00:00:08.500", "00:00:09.000")
    assert only(write(tmp_path, "two.vtt", apart)).scores["transcription_quality"] == 1.0


def test_two_voices_in_one_cue_are_two_turns(tmp_path):
    """A cue may hold a question and its answer; that is no overlap."""
    text = "WEBVTT\n\n00:01.000 --> 00:04.000\n<v T>Shall we begin?</v>\n<v C>Yes &amp; soon.</v>\n"
    row = only(write(tmp_path, "one.vtt", text))
    assert said(row) == [("assistant", "Shall we begin?"), ("user", "Yes & soon.")]
    assert row.scores["transcription_quality"] == 1.0


def test_srt_with_names_in_its_text(tmp_path):
    """SRT has no voices: names stand before the words."""
    text = (
        "1\n00:00:01,000 --> 00:00:02,000\nInterviewer: Where do you keep it?\n\n"
        "2\n00:00:02,500 --> 00:00:04,000\nParticipant 7: In the shed.\n\n"
    )
    assert said(only(write(tmp_path, "one.srt", text))) == [
        ("assistant", "Where do you keep it?"),
        ("user", "In the shed."),
    ]


def test_labelled_text_with_a_header(tmp_path):
    """What stands above the first speaker is a header; a line without a name goes on."""
    assert said(only(write(tmp_path, "one.txt", LABELLED))) == [
        ("assistant", "How was the week?"),
        ("user", "I told him: stop. It went on and on."),
        ("assistant", "What came next?"),
    ]


def test_bold_names_and_times(tmp_path):
    """Markdown's bold names and times before or after a name are no part of it."""
    text = "**T:** Ready?\n[00:01:02] **C**: Nearly.\nT (00:02:10): Take your time.\n"
    assert said(only(write(tmp_path, "one.md", text))) == [
        ("assistant", "Ready?"),
        ("user", "Nearly."),
        ("assistant", "Take your time."),
    ]


def test_a_byte_order_mark_does_not_count(tmp_path):
    """A BOM is not part of the first name."""
    assert (
        said(only(write(tmp_path, "one.txt", b"\xef\xbb\xbf" + LABELLED.encode())))[0][0]
        == "assistant"
    )


def test_who_asks_and_says_i_less_is_the_counsellor(tmp_path):
    """Of two speakers with plain names, the one who asks more and says "I" less is the counsellor."""
    text = "Robin: What happened?\nAlex: I lost my keys and I was cross.\nRobin: And then?\nAlex: I laughed.\n"
    row = only(write(tmp_path, "one.txt", text))
    assert [role for role, _ in said(row)] == ["assistant", "user"] * 2
    assert row.person == "Alex"


def test_a_plain_name_beside_a_role_is_the_other_role(tmp_path):
    """With a named client, the other speaker is the counsellor; with a counsellor, the client."""
    text = "Client: Hello there.\nJo: Good to see you.\nClient: Same.\nJo: Sit down.\n"
    assert [role for role, _ in said(only(write(tmp_path, "one.txt", text)))] == [
        "user",
        "assistant",
    ] * 2
    text = text.replace("Client", "Counsellor")
    assert [role for role, _ in said(only(write(tmp_path, "two.txt", text)))] == [
        "assistant",
        "user",
    ] * 2


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("Therapist", "assistant"),
        ("THERAPIST 2", "assistant"),
        ("Group counselor", "assistant"),
        ("Dr. Ann Roe", "assistant"),
        ("T1", "assistant"),
        ("Client B", "user"),
        ("P12", "user"),
        ("Help-seeker", "user"),
    ],
)
def test_roles_are_known_by_their_words(tmp_path, name, role):
    """Words and letters that transcribers use for the two sides name the role."""
    other = "Client: Yes.\n" if role == "assistant" else "Therapist: Yes.\n"
    assert said(only(write(tmp_path, "one.txt", f"{name}: Hello.\n{other}")))[0] == (role, "Hello.")


def test_speech_about_a_therapist_is_speech(tmp_path):
    """A line that only speaks of a role is no label, and goes on with the speaker before."""
    text = (
        "Therapist: And?\nClient: It helped.\nMy therapist: what a voice.\nMy therapist said: go.\n"
    )
    assert said(only(write(tmp_path, "one.txt", text)))[1][1].endswith("My therapist said: go.")


def test_no_risk_word_of_the_client_is_lost(tmp_path):
    """A sentence that may carry risk arrives to the letter."""
    text = "Therapist: And, um, then?\nClient: I, um, [inaudible] wanted to, uh, kill myself.\n"
    assert said(only(write(tmp_path, "one.txt", text)))[1] == (
        "user",
        "I, um, [inaudible] wanted to, uh, kill myself.",
    )


@pytest.mark.parametrize(
    ("name", "text", "left_by", "problem"),
    [
        pytest.param("a.txt", "", "empty", "no text", id="empty"),
        pytest.param("a.txt", b"Therapist: caf\xe9\n", "bad_field", "not UTF-8 at byte 14", id="latin-1"),
        pytest.param("a.txt", "Therapist: a\0b\n", "bad_field", "a NUL at character 12", id="nul"),
        pytest.param("a.docx", "x", "unknown_format", "expected one of .vtt, .srt, .txt, .md, got '.docx'", id="docx"),
        pytest.param("a", "x", "unknown_format", "expected one of .vtt, .srt, .txt, .md, got 'no ending'", id="no-ending"),
        pytest.param("a.vtt", "hello", "bad_cue", "not VTT at line 1", id="no-vtt"),
        pytest.param("a.vtt", "WEBVTT\n", "empty", "no speech", id="no-cue"),
        pytest.param(
            "a.vtt",
            VOICES.replace("00:00:03.500 -->", "three and a half -->"),
            "bad_cue",
            "6 lines with cue times, 5 cues with readable times and text",
            id="broken-times",
        ),
        pytest.param(
            "a.vtt",
            VOICES.replace("00:00:03.500", "00:61:03.500"),
            "bad_cue",
            "6 lines with cue times, 5 cues with readable times and text",
            id="no-such-minute",
        ),
        pytest.param(
            "a.vtt",
            VOICES.replace("00:00:03.500", "00:00:07.000"),
            "bad_cue",
            "the cue at 00:00:07.000 ends before it begins",
            id="ends-first",
        ),
        pytest.param("a.vtt", VOICES.replace("<v Therapist>", ""), "unknown_speaker", "cue 1 names no speaker", id="no-first-voice"),
        pytest.param("a.vtt", VOICES.replace("Every", ">> Every"), "unknown_speaker", "cue 3 names no speaker", id="change-mark"),
        pytest.param("a.txt", "I woke up.\nIt rained.\n", "unknown_speaker", "no line begins with a speaker's name and a colon", id="no-names"),
        pytest.param(
            "a.txt",
            "Robin: I see.\nAlex: I went.\nRobin: I know.\nAlex: I left.\n",
            "unknown_speaker",
            "2 speakers, 2 of unknown role; name them Therapist and Client",
            id="nobody-asks",
        ),
        pytest.param(
            "a.txt",
            "Therapist: Hi.\nTherapist: Bye.\n",
            "unknown_speaker",
            "1 speakers, 0 of unknown role; name them Therapist and Client",
            id="alone",
        ),
        pytest.param("a.txt", "T: Um.\nC: Uh.\n", "empty", "no words but fillers and marks", id="fillers-only"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_leaves_by_name(tmp_path, name, text, left_by, problem):
    """A bad file costs itself; the exit names it and says what is wrong, not what was said."""
    assert only(write(tmp_path, name, text)) == BadRow(1, left_by, f"{name}: {problem}")


def test_a_cue_time_that_only_the_library_refuses_is_a_bad_cue(tmp_path, monkeypatch):
    """What the library calls malformed leaves by `bad_cue` too."""

    def refuse(*_, **__):
        raise transcripts.MalformedCaptionError

    monkeypatch.setattr(transcripts.webvtt, "from_buffer", refuse)
    row = only(write(tmp_path, "a.vtt", VOICES))
    assert row == BadRow(1, "bad_cue", "a.vtt: a cue whose times cannot be read")


def test_a_folder_is_read_by_name(tmp_path):
    """Files are numbered in the order of their names; hidden ones do not count, a bad one costs itself."""
    write(tmp_path, "b.txt", LABELLED)
    write(tmp_path, "a.vtt", "nothing")
    write(tmp_path, ".hidden.txt", LABELLED)
    (tmp_path / "c").mkdir()
    write(tmp_path / "c", "d.vtt", VOICES)
    rows = dict(transcripts.read(tmp_path))
    assert rows[1] == BadRow(1, "bad_cue", "a.vtt: not VTT at line 1")
    assert [len(rows[n].messages) for n in (2, 3)] == [3, 3]
    assert len(rows) == 3


@pytest.mark.parametrize("ending", ["wav", "MP3", "m4a", "mp4", "flac", "ogg", "webm"])
def test_sound_is_refused_with_the_tool_that_helps(tmp_path, ending):
    """Sound and video are refused in a sentence that says which tool makes a transcript."""
    path = write(tmp_path, f"a.{ending}", b"\0\1")
    with pytest.raises(
        SourceError,
        match=rf"a\.{ending}: sound and video are not read.*whisper FILE.*faster-whisper",
    ):
        list(transcripts.read(path))


def test_a_missing_path_is_told(tmp_path):
    """A path that leads nowhere is one sentence."""
    with pytest.raises(SourceError, match=r"gone\.vtt: no such file or folder\. Check the path"):
        list(transcripts.read(tmp_path / "gone.vtt"))


def test_cues_are_read_by_time(tmp_path):
    """Cues written out of order are heard in order."""
    text = (
        "WEBVTT\n\n00:05.000 --> 00:06.000\n<v Client>Second.\n\n"
        "00:01.000 --> 00:02.000\n<v Therapist>First?\n"
    )
    assert [text for _, text in said(only(write(tmp_path, "a.vtt", text)))] == ["First?", "Second."]
