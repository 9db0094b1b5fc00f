"""The adapter of ontology tables."""

import csv
import itertools
import os
from collections import Counter
from pathlib import Path

import pytest

from caretune.corpus.sources import ontology
from caretune.errors import SourceError
from caretune.records import BadRow

# Everyday terms of our own: pairs of siblings with short and with long definitions.
TERMS = [
    ("H:1", "household knack", "A learned way of getting a small thing done at home.", "", ""),
    ("H:2", "lid opening", "A household knack that frees a stuck lid with warm water.", "H:1", "jar trick|lid trick"),
    ("H:3", "drawer easing", "A household knack for drawers that jam, done with candle wax.", "H:1", ""),
    ("H:4", "humming", "Making a tune with closed lips.", "", "quiet singing"),
    ("H:5", "whistling", "Blowing air through rounded lips so that it sounds.", "", ""),
    ("H:6", "queue patience", "Staying calm while others are served first.", "H:9", "waiting well"),
    ("H:7", "shelf pride", "Being pleased by a row of books in good order. https://shelf.example/pride", "", ""),
    ("H:8", "rain gladness", "Cheerfulness that sets in with the first drops on a warm day.", "H:10", ""),
    ("H:9", "patience", "", "", ""),
    ("H:10", "gladness", "A light and friendly state of mind.", "", "cheer; good cheer"),
    ("H:11", "list keeping", "Writing down what must not be forgotten and crossing it out.", "", ""),
    ("H:12", "door checking", "Going back to see whether the door is shut, though one knows it is.", "", ""),
]  # fmt: skip
HEADER = ["id", "label", "definition", "parents", "synonyms"]


def table(tmp_path, rows=TERMS, *, header=HEADER, name="terms.tsv"):
    """Write terms as a table."""
    path = tmp_path / name
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter="\t" if name.endswith("tsv") else ",").writerows([header, *rows])
    return path


def grams(row):
    """Return the word 3-grams of a row."""
    words = (
        "".join(c if c.isalnum() else " " for m in row.messages for c in f" {m.content} ")
        .casefold()
        .split()
    )
    return set(zip(words, words[1:], words[2:], strict=False))


def rows_by_kind(path):
    """Return category -> rows, without the bad ones."""
    kinds = {}
    for _, row in ontology.read(path):
        if not isinstance(row, BadRow):
            kinds.setdefault(row.category, []).append(row)
    return kinds


def test_a_term_gives_a_concept_and_a_question_row(tmp_path):
    """Each defined term comes twice under its line; one without a definition leaves by name."""
    found = list(ontology.read(table(tmp_path)))
    assert Counter(r.exit if isinstance(r, BadRow) else r.category for _, r in found) == {
        "concept": 11,
        "question": 11,
        "no_definition": 1,
    }
    assert (10, BadRow(10, "no_definition", "no text in column definition")) in found


def test_the_concept_row_states_all_in_one_reply(tmp_path):
    """Definition, parent (by its id) and other names stand in the one reply."""
    row = rows_by_kind(table(tmp_path))["concept"][1]
    assert len(row.messages) == 2
    for words in ("frees a stuck lid with warm water", "household knack", "jar trick or lid trick"):
        assert words in row.messages[1].content.casefold()


def test_the_question_row_asks_for_each_fact(tmp_path):
    """The same facts come by question and answer, one each."""
    kinds = rows_by_kind(table(tmp_path))
    concept, question = kinds["concept"][1], kinds["question"][1]
    assert [m.role for m in question.messages] == ["user", "assistant"] * 3
    assert " ".join(m.content for m in question.messages[1::2]) == concept.messages[1].content


def test_a_bare_definition_is_asked_the_other_way_round(tmp_path):
    """Where there is nothing but a definition, the question row asks for the word."""
    row = rows_by_kind(table(tmp_path))["question"][6]
    assert "Being pleased by a row of books in good order." in row.messages[0].content
    assert "shelf.example" not in row.messages[0].content
    assert "shelf pride" in row.messages[1].content.casefold()


def test_different_terms_are_no_near_duplicates(tmp_path):
    """Our sentences make no two terms alike: 3-gram Jaccard below 0.3, client's words too."""
    for kind in rows_by_kind(table(tmp_path)).values():
        assert len(kind) == 11
        for one, two in itertools.combinations(kind, 2):
            first, second = grams(one), grams(two)
            assert len(first & second) / len(first | second) < 0.3


def test_both_rows_of_a_term_are_near_duplicates(tmp_path):
    """The two rows of a term share so many words that they end in one family."""
    kinds = rows_by_kind(table(tmp_path))
    for one, two in zip(kinds["concept"], kinds["question"], strict=True):
        first, second = grams(one), grams(two)
        assert len(first & second) / len(first | second) >= 0.3


def test_not_all_rows_have_one_form(tmp_path):
    """Questions differ by more than the term."""
    asked = [
        row.messages[0].content.casefold() for row in rows_by_kind(table(tmp_path))["question"]
    ]
    assert sum(text.startswith("what is") for text in asked) < len(asked) / 2


def test_a_term_is_told_the_same_whatever_stands_beside_it(tmp_path):
    """Rows of a term do not hang on the order of the table."""
    rows = rows_by_kind(table(tmp_path))["question"]
    turned = rows_by_kind(table(tmp_path, TERMS[::-1], name="turned.tsv"))["question"]
    assert rows == turned[::-1]


def test_headers_are_found_in_other_spellings(tmp_path):
    """Columns go by their names, in any case and order; unknown columns are ignored."""
    path = table(
        tmp_path,
        [("x", "A small lamp for reading.", "lamp", "L1", "night light")],
        header=["Curator", "Definition", "Name", "ID", "Synonym"],
        name="terms.csv",
    )
    row = rows_by_kind(path)["concept"][0]
    assert "A small lamp for reading." in row.messages[1].content
    assert "night light" in row.messages[1].content


def test_capitals_that_end_most_labels_are_spelt_out(tmp_path):
    """A tag on nearly every label is dropped from names and spelt out where it carries meaning."""
    rows = [
        ("1", "quiet household trick", "Anything done at home to save noise.", "", ""),
        ("2", "felt QHT", "A <quiet household trick> that puts felt under chairs.", "quiet household trick", ""),
        ("3", "rubber QHT", "A felt QHT made with rubber instead.", "felt QHT", ""),
    ]  # fmt: skip
    third = rows_by_kind(table(tmp_path, rows))["concept"][2]
    text = " ".join(message.content for message in third.messages)
    assert "A felt quiet household trick made with rubber instead." in text
    assert "QHT" not in text
    unknown = [(n, f"{label} ZZZ", definition, "", "") for n, label, definition, *_ in rows]
    text = rows_by_kind(table(tmp_path, unknown))["concept"][2].messages[0].content
    assert "ZZZ" not in text


def test_a_parent_of_another_table_is_left_out(tmp_path):
    """An id that names nothing here is no word to say to anybody."""
    row = rows_by_kind(table(tmp_path, [("1", "lamp", "A light.", "OBO_00012", "")]))["question"][0]
    assert all("OBO" not in message.content for message in row.messages)


@pytest.mark.parametrize("column", ["id", "label", "definition"])
def test_a_missing_column_is_named(tmp_path, column):
    """A table without a needed column is refused in one sentence that names it."""
    header = [name if name != column else "other" for name in HEADER]
    with pytest.raises(SourceError, match=rf"missing: {column}\. Rename the columns"):
        list(ontology.read(table(tmp_path, header=header)))


def test_only_tables_are_read(tmp_path):
    """An OWL file is refused with what to do."""
    with pytest.raises(SourceError, match=r"terms\.owl: expected a \.csv or \.tsv file\. Export"):
        list(ontology.read(tmp_path / "terms.owl"))


def test_an_empty_file_has_no_header(tmp_path):
    """An empty table is refused by its missing columns."""
    path = tmp_path / "a.csv"
    path.write_text("")
    with pytest.raises(SourceError, match="missing: id, label, definition"):
        list(ontology.read(path))


def test_bad_rows_leave_by_name(tmp_path):
    """A short row, broken bytes, a NUL, no label: each a named exit; blank lines do not count."""
    path = tmp_path / "terms.csv"
    path.write_bytes(
        b"id,label,definition,parents\n"
        b"1,lamp\n"
        b"2,lamp,A l\xe9ght,\n"
        b"3,lamp,A l\0ght,\n"
        b"\n"
        b"4,,A light,\n"
        b"5,lamp,A light\n"
    )
    rows = list(ontology.read(path))
    assert [row for _, row in rows[:4]] == [
        BadRow(2, "bad_field", "the row ends before its column definition"),
        BadRow(3, "bad_field", "not UTF-8, or a NUL character, in column definition"),
        BadRow(4, "bad_field", "not UTF-8, or a NUL character, in column definition"),
        BadRow(6, "bad_field", "no text in column label"),
    ]
    assert [line for line, _ in rows[4:]] == [7, 7]


def test_a_cell_beyond_the_limit_costs_its_row(tmp_path):
    """What the csv module refuses leaves by `bad_field`; the next row is read."""
    limit = csv.field_size_limit(100)
    try:
        path = table(
            tmp_path, [("1", "lamp", "long " * 100, "", ""), ("2", "lamp", "A light.", "", "")]
        )
        rows = list(ontology.read(path))
    finally:
        csv.field_size_limit(limit)
    assert rows[0][1].exit == "bad_field"
    assert len(rows) == 3


@pytest.mark.parametrize(
    ("name", "defined", "undefined"),
    [
        pytest.param("bcto.csv", 306, 0, id="techniques"),
        pytest.param(
            "mental_functioning_emotion_disease_terms.tsv", 948, 117, id="mental-functioning"
        ),
    ],
)
def test_the_real_tables_are_read_whole(name, defined, undefined):
    """Every term of the public ontologies is told twice or leaves by name."""
    folder = os.environ.get("CARETUNE_CORPORA")
    if folder is None:
        pytest.skip("CARETUNE_CORPORA does not name the folder of public corpora")
    rows = ontology.read(Path(folder) / "ontologies" / name)
    counts = Counter(row.exit if isinstance(row, BadRow) else row.category for _, row in rows)
    assert counts == Counter(concept=defined, question=defined, no_definition=undefined)
