"""caretune.proof.ids: raw rows under the names that the ledger gives them."""

from caretune.corpus import source as data_source
from caretune.proof import ids
from tests.fixtures import corpus


def test_two_rows_of_a_line_have_the_names_of_the_door(tmp_path):
    """An ontology gives two rows a term; a false name would be a fault in every ledger."""
    path = tmp_path / "terms.csv"
    path.write_text("ID,Label,Definition\nX:1,Calm,A state of rest.\nX:2,Grief,A loss felt.\n")
    source = corpus.source(path, "ontology")
    names = [row.name for row in ids.read(source)]
    assert names == ["ontology:2", "ontology:2.2", "ontology:3", "ontology:3.2"]
    assert names == [row.name for row in data_source.named(source)]
