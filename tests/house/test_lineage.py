"""dvc.yaml tells the truth about what each stage's result depends on."""

import io

import pytest
from ruamel.yaml import YAML

from tests.house import closure

STAGES = YAML(typ="safe", pure=True).load(closure.MAP)["stages"]


@pytest.fixture(scope="module")
def graph():
    """The import graph, built once."""
    return closure.build_graph()


def test_every_stage_file_is_a_dvc_stage():
    """stages/ and dvc.yaml name the same stages."""
    assert closure.stage_modules() == sorted(closure.module_of(name) for name in STAGES)


@pytest.mark.parametrize("name", sorted(STAGES))
def test_declared_dependencies_are_the_import_closure(name, graph):
    """A changed import reruns the stage: `make deps` writes what is missing."""
    declared = closure.declared(STAGES[name])
    if "caretune" in STAGES[name]["deps"]:
        assert declared == []
        return
    expected = closure.expected(closure.module_of(name), graph)
    assert expected, "the closure of a stage is never empty"
    assert sorted(set(expected) - set(declared)) == [], "missing: run `make deps`"
    assert sorted(set(declared) - set(expected)) == [], "no longer imported: run `make deps`"


def test_a_new_import_is_noticed(graph):
    """The guard can fail: an import that dvc.yaml does not declare shows up in the closure."""
    before = closure.expected("stages.filters", graph)
    assert "caretune/gate/verdict.py" not in before
    graph.add_import(importer="stages.filters", imported="caretune.gate.verdict")
    assert "caretune/gate/verdict.py" in closure.expected("stages.filters", graph)
    graph.remove_import(importer="stages.filters", imported="caretune.gate.verdict")


def test_a_file_that_is_gone_is_noticed():
    """A dependency on a deleted module counts as declared, so that the comparison names it."""
    assert closure.declared({"deps": ["caretune/gone.py", "caretune/safety/patterns"]}) == [
        "caretune/gone.py"
    ]


def test_the_template_that_params_name_is_a_dependency():
    """Another `base.template`, or another word in it, reruns `base`."""
    assert "${base.template}" in STAGES["base"]["deps"]


def test_rewriting_keeps_templated_entries_and_comments():
    """`make deps` changes the package files alone."""
    yaml = YAML()
    text = "deps:\n- lock\n- ${base.template} # any file\n- caretune/a.py\n- caretune/c.py # c\n"
    document = yaml.load(text)
    closure.update(
        document["deps"], ["caretune/a.py", "caretune/c.py"], ["caretune/b.py", "caretune/c.py"]
    )
    out = io.StringIO()
    yaml.dump(document, out)
    assert out.getvalue() == text.replace("a.py", "b.py")


@pytest.mark.parametrize("name", sorted(STAGES))
def test_each_stage_depends_on_its_own_file(name):
    """A changed stage reruns."""
    own = f"stages/{name.replace('-', '_')}.py"
    assert {own, "stages"} & set(STAGES[name]["deps"])


@pytest.mark.parametrize("name", ["filters", "base", "train", "evaluate"])
def test_computing_stages_depend_on_the_lock_file(name):
    """Another library version reruns what it could change."""
    assert "requirements.lock" in STAGES[name]["deps"]
