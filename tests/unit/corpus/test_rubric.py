"""The reviewers' folder: what was handed out comes back unaltered, with scores in their ranges."""

import json

import pytest

from caretune import records
from caretune.corpus import rubric
from caretune.errors import CaretuneError, LineageError
from caretune.lineage import digest
from caretune.records import ExpertExample, Message

ODD = 'e\u0301 \u2028 \U0001f9e1 \x00 \r\n tab\t"quoted" \\'
SCORES = {name: float(item.least) for name, item in rubric.RUBRIC.items()}


def example(name, **fields):
    """Build an example."""
    values = {
        "conversation": f"row {name}",
        "family": f"family {name}",
        "context": [Message("user", ODD, strategy=None)],
        "reply": f"reply {name}",
        "scenario": "grief/hard",
        "crisis": False,
    }
    return ExpertExample(id=name, **(values | fields))


@pytest.fixture
def examples(tmp_path):
    """An expert set of three, as the split stage writes it."""
    path = tmp_path / "split" / "expert.jsonl"
    records.write(path, [example(name) for name in "abc"])
    return path


@pytest.fixture
def folder(tmp_path, examples):
    """The reviewers' folder of the three."""
    rubric.build(examples, tmp_path / "folder")
    return tmp_path / "folder"


def edit(folder, line, **changes):
    """Change fields of one line (from 1) of the folder's examples, as another tool would save it."""
    path = folder / "expert.jsonl"
    rows = [json.loads(raw) for raw in path.read_text(encoding="utf-8").split("\n") if raw]
    rows[line - 1].update(changes)
    text = "".join(json.dumps(row, indent=None, sort_keys=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8", newline="")


def problems(folder):
    """Return what the check finds, without the folder's name."""
    return [
        f"{fault.place}: {fault.problem}".removeprefix(f"{folder}/")
        for fault in rubric.check(folder)[1]
    ]


def test_reading_and_writing_give_equal_bytes(folder, tmp_path):
    """Accents, line separators, emoji, NUL and both line ends survive, byte for byte."""
    again = tmp_path / "again.jsonl"
    records.write(again, records.read(folder / "expert.jsonl", ExpertExample))
    assert again.read_bytes() == (folder / "expert.jsonl").read_bytes()
    assert [made.context[0].content for made in records.read(again, ExpertExample)] == [ODD] * 3


def test_the_copy_is_the_set_and_the_manifest_describes_it(folder, examples):
    """Count, bytes and sha256 are those of the split's own file."""
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (folder / "expert.jsonl").read_bytes() == examples.read_bytes()
    assert manifest["files"]["expert.jsonl"] == {
        "count": 3,
        "bytes": examples.stat().st_size,
        "sha256": digest.sha256_file(examples),
    }


def test_the_readme_explains_every_score(folder):
    """Each question of the rubric stands there with its range."""
    text = (folder / "README.md").read_text()
    for name, item in rubric.RUBRIC.items():
        assert f"| `{name}` | {item.least} to {item.most} |" in text


def test_an_untouched_folder_has_no_fault(folder):
    """Nothing is scored and nothing is wrong."""
    assert rubric.check(folder) == (0, [])


def test_scores_in_their_ranges_are_no_fault(folder):
    """Scored and saved with other spaces and another order of keys, the folder is still good."""
    edit(folder, 2, scores=SCORES, comment="a word")
    assert rubric.check(folder) == (1, [])


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"reply": "other"}, "altered since it was handed out at $.reply"),
        ({"context": []}, "altered since it was handed out at $.context"),
        (
            {"crisis": True},
            "altered since it was handed out at $.conversation or $.family or $.scenario or $.crisis",
        ),
        (
            {"scores": {**SCORES, "empathy": 6}},
            "expected a whole number from 1 to 5, got 6 at $.scores.empathy",
        ),
        (
            {"scores": {**SCORES, "factual": 2.5}},
            "expected a whole number from 1 to 4, got 2.5 at $.scores.factual",
        ),
        ({"scores": {**SCORES, "medical_advice": -1}}, None),
        (
            {"scores": {**SCORES, "warmth": 3}},
            "scores that the rubric does not have: 1 at $.scores",
        ),
        (
            {"scores": {"empathy": 3} | {k: v for k, v in SCORES.items() if k != "harm"}},
            "not filled, though others are, at $.scores.harm",
        ),
        ({"scores": {"empathy": "five"}}, "Expected `float`, got `str` - at `$.scores[...]`"),
    ],
)
def test_a_fault_is_named_with_line_and_field(folder, changes, problem):
    """What was altered or scored wrongly is named with its line and field."""
    edit(folder, 2, **changes)
    due = problem or "expected a whole number from 0 to 1, got -1 at $.scores.medical_advice"
    assert problems(folder)[0] == f"expert.jsonl line 2: {due}"


def test_missing_strange_and_repeated_examples_are_named(folder):
    """An example that is gone, one nobody handed out, and one that stands there twice."""
    edit(folder, 2, id="z")
    path = folder / "expert.jsonl"
    path.write_bytes(path.read_bytes() + path.read_bytes().splitlines(keepends=True)[0])
    assert problems(folder) == [
        "expert.jsonl line 2: an example that was not handed out at $.id",
        "expert.jsonl: holds 4 examples, the manifest says 3",
        "expert.jsonl: example b is missing",
        "expert.jsonl: example a stands there 2 times",
    ]


def test_an_unscored_file_saved_with_other_spaces_is_no_fault(folder):
    """What is said is compared, not the spaces of the tool that saved it."""
    before = (folder / "expert.jsonl").read_bytes()
    edit(folder, 1)
    assert (folder / "expert.jsonl").read_bytes() != before
    assert rubric.check(folder) == (0, [])


def test_another_digest_in_the_manifest_is_a_fault(folder):
    """The set as a whole is held against the manifest, with or without scores."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["expert.jsonl"] |= {"bytes": 1, "sha256": "0" * 64}
    records.write_json(folder / "manifest.json", manifest)
    found = problems(folder)
    assert "bytes without scores, the manifest says 1" in found[0]
    assert "sha256" in found[1]


def test_an_altered_readme_is_a_fault(folder):
    """Who reads another meaning of a score gives another score."""
    path = folder / "README.md"
    path.write_text(path.read_text().replace("1 = cold", "1 = warm"))
    assert problems(folder) == ["README.md: altered since it was handed out"]
    path.unlink()
    assert problems(folder) == ["README.md: is missing"]


def test_a_folder_in_use_is_not_written_over(folder, examples):
    """Scores may stand there: build refuses."""
    with pytest.raises(LineageError, match="not empty, and scores may stand in it"):
        rubric.build(examples, folder)


def test_a_scored_set_is_not_handed_out(tmp_path):
    """Reviewers must not see each other's scores."""
    path = tmp_path / "scored.jsonl"
    records.write(path, [example("a", scores=SCORES)])
    with pytest.raises(LineageError, match="holds scores"):
        rubric.build(path, tmp_path / "folder")


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ({"files": {}, "examples": {}}, r"does not name expert.jsonl at \$.files"),
        ({"files": 3}, "Restore it, or build the folder again"),
    ],
)
def test_a_manifest_of_another_kind_is_refused(folder, manifest, words):
    """The check stands on a manifest of `build` and on nothing else."""
    records.write_json(folder / "manifest.json", manifest)
    with pytest.raises(LineageError, match=words):
        rubric.check(folder)


def test_a_missing_folder_is_said(tmp_path):
    """No manifest, no check."""
    with pytest.raises(CaretuneError, match="no such file"):
        rubric.check(tmp_path / "none")
