"""caretune.service.state: the process always comes up, with a desk or with a reason."""

import asyncio

import pytest

from caretune.params import loader
from caretune.records import Message
from caretune.service import engine, state
from caretune.training import domains as fitting
from tests.fixtures.models import EXPERTS, dialogues
from tests.fixtures.moe_lora import PEFT_WARNS
from tests.service.conftest import assembled


@PEFT_WARNS
def test_a_whole_release_answers(project):
    """Params, release, filters and model together: a reply from the real tiny model."""
    found = state.load(project)
    assert (found.reason, found.max_turns) == (None, 64)
    messages = [Message("user", "I argued with my sister and I keep thinking about it.")]
    answer = asyncio.run(found.desk.answer(messages, 8))
    assert answer.source in {"model", "safe_reply"}
    assert answer.usage[0] > 10
    assert 1 <= answer.usage[1] <= 8


def test_a_crisis_gets_the_protocol_and_not_the_model(project, monkeypatch):
    """The real filters, and a model that must not be asked."""
    monkeypatch.setattr(engine, "load", lambda *_: pytest.fail)
    found = state.load(project)
    messages = [Message("user", "I have the pills here and I am going to kill myself tonight.")]
    answer = asyncio.run(found.desk.answer(messages, None))
    assert (answer.source, answer.finish_reason) == ("protocol", "content_filter")
    assert answer.decision["severity"] in {"high", "imminent"}


def test_a_release_that_does_not_hold_leaves_a_reason_that_names_the_file(own_project):
    """One sentence, for GET /v1/release and for the log."""
    path = own_project / "models/release/adapter/adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    found = state.load(own_project)
    assert found.desk is None
    assert "adapter/adapter_model.safetensors has sha256" in found.reason


def test_wrong_params_leave_a_reason(own_project):
    """A typo in params.yaml does not end the process."""
    path = own_project / "params.yaml"
    path.write_text(path.read_text().replace("max_turns", "max_turn"))
    assert "service.max_turn: unknown key" in state.load(own_project).reason


def test_a_fault_of_ours_leaves_a_reason_too(project, monkeypatch):
    """Whatever breaks while loading, nothing is answered and the process stays up."""
    monkeypatch.setattr(engine, "load", lambda *_: 1 / 0)
    found = state.load(project)
    assert found.desk is None
    assert found.reason == "a fault of the service while loading (ZeroDivisionError), logged"


@pytest.fixture
def by_domain(own_project, monkeypatch):
    """A project that routes by domain; no model is loaded."""
    monkeypatch.setattr(engine, "load", lambda *_: None)
    params = loader.load(own_project / "params.yaml")
    service = params.service.model_copy(update={"routing": "domain"})
    found = params.model_copy(update={"service": service})
    monkeypatch.setattr(state.loader, "load", lambda _: found)
    return own_project


def _with_classifier(project, **other):
    """Release a classifier of the tiny dialogues beside the adapter, with other experts for some."""
    fitted = fitting.fit(dialogues(12), EXPERTS, 11)
    fitted.experts.update(other)
    assembled(project, lambda filters: fitted.write(filters.parent / "adapter"))


def test_routing_by_domain_needs_a_classifier_in_the_release(by_domain):
    """Said at the start, not at the first request."""
    reason = state.load(by_domain).reason
    assert "adapter/domains.json: no domain classifier beside this adapter" in reason
    assert "params.service.routing to token" in reason


def test_a_classifier_of_the_adapters_experts_routes(by_domain):
    """The release is ready."""
    _with_classifier(by_domain)
    assert state.load(by_domain).reason is None


def test_a_classifier_of_other_experts_leaves_a_reason(by_domain):
    """One sentence at the start, not a fault at the first request of that domain."""
    _with_classifier(by_domain, crisis_safety="unheard_of")
    found = state.load(by_domain)
    assert found.desk is None
    assert "domains.json: names the expert unheard_of, the adapter has " in found.reason
