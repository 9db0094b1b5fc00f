"""Checksums, ranges and words nearby."""

import pytest

from caretune.safety import validators
from caretune.safety.taxonomy import PiiType
from caretune.safety.validators import Candidate


def _score(pattern, kind, value, before="", after=""):
    return validators.score(Candidate(pattern, kind, value, before, after), frozenset({"budget"}))


@pytest.mark.parametrize(
    ("digits", "valid"),
    [
        pytest.param("4000000000000002", True, id="valid"),
        pytest.param("4000000000000003", False, id="wrong check digit"),
        pytest.param("0000000000000000", False, id="one digit repeated"),
    ],
)
def test_luhn(digits, valid):
    """The check digit decides, and a row of one digit is no card."""
    assert validators.luhn(digits) is valid


@pytest.mark.parametrize(
    ("value", "before", "stands"),
    [
        pytest.param("203.0.113.9", "it showed ", True, id="address"),
        pytest.param("999.0.113.9", "it showed ", False, id="out of range"),
        pytest.param("10.4.2.1", "updated to version ", False, id="version"),
    ],
)
def test_ip_addresses_are_in_range_and_no_versions(value, before, stands):
    """Four numbers are an address only within 0..255 and outside software versions."""
    assert (_score("ipv4", PiiType.IP, value, before) > 0) is stands


@pytest.mark.parametrize(
    ("value", "before", "stands"),
    [
        pytest.param("3 March 1971", "I was born on ", True, id="born"),
        pytest.param("3 March 1971", "the accident was on ", False, id="event"),
        pytest.param("31.2.1990", "on the form: ", False, id="no such day"),
        pytest.param("14.2.1990", "on the form: ", True, id="form"),
        pytest.param("14.2.2031", "on the form: ", False, id="not yet born"),
    ],
)
def test_birth_dates_need_birth_or_a_form(value, before, stands):
    """A date is a birth date by the words around it, and only if the calendar has it."""
    assert (_score("date_numeric", PiiType.DATE_OF_BIRTH, value, before) > 0) is stands


@pytest.mark.parametrize(
    ("value", "before", "stands"),
    [
        pytest.param("020 7946 0000", "ring me on ", True, id="phone"),
        pytest.param("2019-2021", "from ", False, id="years"),
        pytest.param("020 7946 0000", "order reference ", False, id="order"),
        pytest.param("12345", "call ", False, id="too short"),
    ],
)
def test_phones_have_a_phones_shape(value, before, stands):
    """Length and shape decide, and words that make it another number."""
    assert (_score("phone", PiiType.PHONE, value, before) > 0) is stands


@pytest.mark.parametrize(
    ("pattern", "value", "before", "after", "stands"),
    [
        pytest.param("name_intro", "Thandeka", "my name is ", ".", True, id="introduced"),
        pytest.param("name_capital", "Thandeka", "", " said no", True, id="acts"),
        pytest.param("name_capital", "Budget", "", " was tight", False, id="common word"),
        pytest.param("name_capital", "Monday", "", " was hard", False, id="a day"),
        pytest.param("name_capital", "Revising", "", " was hard", False, id="word ending"),
    ],
)
def test_names_are_rare_words_that_act(pattern, value, before, after, stands):
    """A capital alone makes no name."""
    assert (_score(pattern, PiiType.NAME, value, before, after) > 0) is stands
