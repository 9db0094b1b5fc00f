"""Checksums, ranges and words nearby."""

import pytest

from caretune.safety import validators
from caretune.safety.taxonomy import PiiType
from caretune.safety.validators import Candidate


def _score(pattern, kind, value, before="", after=""):
    return validators.score(Candidate(pattern, kind, value, before, after))


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
        pytest.param("203 . 0 . 113 . 9", "it showed ", True, id="set apart"),
        pytest.param("203 dot 0 dot 113 dot 9", "it showed ", True, id="spoken"),
        pytest.param("203 . 0 . 113 . 999", "it showed ", False, id="set apart, out of range"),
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
        pytest.param("020 7946 0000", "ring me on ", True, id="phone"),
        pytest.param("2019-2021", "from ", False, id="years"),
        pytest.param("020 7946 0000", "order reference ", False, id="order"),
        pytest.param("12345", "call ", False, id="too short"),
        pytest.param("55 01 24", "call ", True, id="pairs"),
        pytest.param("55 01 24", "I had ", False, id="pairs of something"),
        pytest.param("555-0142", "I'm on ", True, id="reached on"),
    ],
)
def test_phones_have_a_phones_shape(value, before, stands):
    """Length and shape decide, and words that make it another number."""
    assert (_score("phone", PiiType.PHONE, value, before) > 0) is stands


@pytest.mark.parametrize(
    ("pattern", "value", "before", "stands"),
    [
        pytest.param("phone_spoken", "seven oh two 555 01 oh nine", "ring ", True, id="mixed"),
        pytest.param("phone_spoken", "one two three four", "count ", False, id="too few digits"),
        pytest.param("phone_spaced", "5 5 5 - 0 1 3 6", "text ", True, id="spaced out"),
        pytest.param("phone", "0808 000 0000", "the poster said ", False, id="free to call"),
        pytest.param("phone", "001-420-335-7509x38548", "", True, id="extension is no part"),
        pytest.param("phone", "17/01/1935", "he is on ", False, id="a date"),
        pytest.param("phone", "000 12 3456", "my social ", False, id="a social security number"),
        pytest.param("phone", "555-0100", "", False, id="local number alone"),
        pytest.param("phone", "555-0100", "call ", True, id="local number to call"),
    ],
)
def test_other_numbers_are_no_phones(pattern, value, before, stands):
    """Spelled digits count, and what is another number by its shape or its words does not."""
    assert (_score(pattern, PiiType.PHONE, value, before) > 0) is stands


@pytest.mark.parametrize(
    ("value", "before", "score"),
    [
        pytest.param("nine oh one, fourteen, six six two three", "my social is ", 0.8, id="named"),
        pytest.param("nine oh one, fourteen, six six two three", "count ", 0.0, id="not named"),
        pytest.param(
            "nine oh one, fourteen, six six two", "my social is ", 0.0, id="a digit short"
        ),
    ],
)
def test_a_spoken_social_security_number_has_nine_digits_and_is_named(value, before, score):
    """Teens are two digits; words alone are no number of anybody's."""
    assert _score("ssn_spoken", PiiType.SSN, value, before) == score


@pytest.mark.parametrize("kind", [PiiType.ADDRESS, PiiType.NAME])
def test_names_and_addresses_are_refused(kind):
    """A validator that does not know them says so."""
    with pytest.raises(ValueError, match=f"{kind} is judged by its tagger, not by a validator"):
        _score("other", kind, "Thandeka")
