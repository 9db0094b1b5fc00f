"""Which domain a request belongs to: hashed words, the filters' word on risk first, bytes checked."""

import subprocess
import sys

import msgspec
import numpy as np
import pytest

from caretune import records
from caretune.errors import ModelError
from caretune.model import domains
from caretune.model.domains import Share, Validation
from caretune.records import Message
from caretune.safety.heads import Heads

NAMES = ("crisis_safety", "psychology_knowledge")
EXPERTS = {"crisis_safety": "crisis_safety", "psychology_knowledge": "general"}
BITS = 12
NOTES = [Message("user", "What is a schema in cognitive therapy?")]
CLOSED = [Message("user", "I want it to stop.")]


@pytest.fixture
def folder(tmp_path):
    """A classifier that knows the words of NOTES as psychology and nothing else."""
    row = domains.row(NOTES, BITS)
    places = np.unique(row.places).astype(np.int32)
    weights = np.zeros((len(places) + 1, 2), dtype=np.float32)
    weights[1:, 1] = 2.0
    idf = np.ones(len(places) + 1, dtype=np.float32)
    heads = Heads(NAMES, BITS, places, idf, weights, np.array([0.5, 0.0], dtype=np.float32))
    share = {"all": Share(0.8, 0.7, 0.9, 20, 10)}
    domains.write(tmp_path, heads, EXPERTS, Validation(share, share, 0.02))
    return tmp_path


def test_probabilities_sum_to_one_and_the_known_words_win(folder):
    """The domain of the words that were learnt, and the likeliest one without them."""
    found = domains.read(folder)
    chances = found.probabilities(NOTES)
    assert sum(chances.values()) == pytest.approx(1.0)
    assert chances["psychology_knowledge"] > 0.5
    choice = found.choose(NOTES, "low")
    assert (choice.expert, choice.domain, choice.by) == (
        "general",
        "psychology_knowledge",
        "classifier",
    )
    assert choice.probability == chances["psychology_knowledge"]
    assert found.choose([Message("user", "42")], "none").domain == "crisis_safety"


@pytest.mark.parametrize("severity", ["moderate", "high", "imminent", "unscored"])
def test_a_risk_decides_before_the_classifier(folder, severity):
    """From moderate on the crisis expert answers, whatever the words; unscored fails closed."""
    choice = domains.read(folder).choose(NOTES, severity)
    assert (choice.expert, choice.by) == ("crisis_safety", "filters")


def test_without_a_crisis_domain_the_classifier_decides(folder):
    """Data without such rows has no expert for it."""
    header = records.read_json(folder / domains.HEADER)
    header["heads"][0] = "grief"
    header["experts"] = {"grief": "general", "psychology_knowledge": "general"}
    records.write_json(folder / domains.HEADER, header)
    assert domains.read(folder).choose(NOTES, "imminent").by == "classifier"


def test_what_follows_the_last_client_message_is_not_read(folder):
    """Nor is the system's word: a request is what the two sides said before the reply."""
    told = [Message("system", "Be kind."), *NOTES, Message("assistant", "A pattern of thought.")]
    first, second = domains.row(told, BITS), domains.row(NOTES, BITS)
    assert all(np.array_equal(*pair) for pair in zip(first, second, strict=True))


def test_every_client_message_is_a_request():
    """What is known then; where no client speaks, all of it."""
    talk = [*NOTES, Message("assistant", "A pattern."), *CLOSED, Message("assistant", "Yes?")]
    assert domains.requests(talk) == [talk[:1], talk[:3]]
    assert domains.requests(talk[1:2]) == [talk[1:2]]


def test_an_expert_becomes_gates_in_the_adapters_order():
    """One 1; an expert that the adapter lacks is an error."""
    assert domains.one_hot("general", ["crisis_safety", "general"]) == [0.0, 1.0]
    with pytest.raises(ModelError, match=r"expert grief, the adapter has none\. Run `dvc repro"):
        domains.one_hot("grief", [])


def test_equal_heads_are_equal_bytes(folder, tmp_path):
    """What is read and written again is the same."""
    found = domains.read(folder)
    again = tmp_path / "again"
    heads = found._scorer._heads
    domains.write(again, heads, found.header.experts, found.header.validation)
    for path in sorted(again.iterdir()):
        assert path.read_bytes() == (folder / path.name).read_bytes()


def _no_header(folder):
    (folder / domains.HEADER).unlink()


def _other_schema(folder):
    records.write_json(folder / domains.HEADER, {"format": 1})


def _other_format(folder):
    header = records.read_json(folder / domains.HEADER)
    records.write_json(folder / domains.HEADER, header | {"format": 9})


def _no_expert(folder):
    header = records.read_json(folder / domains.HEADER)
    del header["experts"]["crisis_safety"]
    records.write_json(folder / domains.HEADER, header)


def _no_arrays(folder):
    (folder / "domains.safetensors").unlink()


def _other_arrays(folder):
    (folder / "domains.safetensors").write_bytes(b"other")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (_no_header, r"domains\.json: no domain classifier beside this adapter"),
        (_other_schema, r"missing required field .* Run `dvc repro train`"),
        (_other_format, "format 9, this caretune reads 1"),
        (_no_arrays, "reads 1 with domains.safetensors beside it"),
        (_no_expert, r"domains\.json: no expert for crisis_safety\. Run `dvc repro train`"),
        (_other_arrays, r"domains\.safetensors: has other bytes than domains\.json says"),
    ],
)
def test_a_classifier_that_is_not_whole_is_refused(folder, fault, said):
    """Named, with what to do."""
    fault(folder)
    with pytest.raises(ModelError, match=said):
        domains.read(folder)


def test_a_classifier_of_this_adapter_is_taken(folder):
    """Each of its experts is one of the adapter's, and a risk has one."""
    domains.check(folder, domains.read(folder).header, ["general", "crisis_safety", "grief"])


@pytest.mark.parametrize(
    ("experts", "adapter", "said"),
    [
        (EXPERTS, ["crisis_safety"], "names the expert general, the adapter has crisis_safety"),
        (EXPERTS, [], "names the expert crisis_safety, general, the adapter has none"),
        ({"psychology_knowledge": "general"}, ["general"], "no expert for crisis_safety"),
    ],
)
def test_a_classifier_of_another_adapter_is_refused(folder, experts, adapter, said):
    """Said before the first request, with what to do."""
    header = msgspec.structs.replace(domains.read(folder).header, experts=experts)
    with pytest.raises(ModelError, match=rf"domains\.json: {said}\. .*service\.routing to token"):
        domains.check(folder, header, adapter)


def test_it_needs_no_model_library():
    """A service can route without torch, and never loads scikit-learn."""
    code = (
        "import sys; import caretune.model.domains; "
        "print([name for name in ('torch', 'sklearn', 'transformers') if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
