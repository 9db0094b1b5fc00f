"""HTML to text."""

import pytest

from caretune.corpus.sources import markup


@pytest.mark.parametrize(
    ("html", "text"),
    [
        pytest.param("<p>One.</p><p>Two.</p>", "One.\n\nTwo.", id="paragraphs"),
        pytest.param("One.<br>Two.<br/>Three.", "One.\nTwo.\nThree.", id="line breaks"),
        pytest.param("<div>One.</div><div>Two.</div>", "One.\n\nTwo.", id="divisions"),
        pytest.param("<ul><li>a</li><li>b</li></ul>", "- a\n\n- b", id="lists"),
        pytest.param("a&nbsp;&amp;&#34;b&#34;", 'a &"b"', id="entities"),
        pytest.param("<b>a</b>b <i>c</i>", "ab c", id="inline marks"),
        pytest.param("one\r\n  two", "one two", id="line breaks of the source"),
        pytest.param("a<!-- x --><style>p {}</style>b", "ab", id="comments and styles"),
        pytest.param("a<xml><w:View>Normal</w:View></xml>b", "ab", id="word processor"),
        pytest.param("a</style>b", "ab", id="an end without a start"),
        pytest.param("a <o:p></o:p>< 3 b", "a < 3 b", id="a sign that is no tag"),
        pytest.param("See <a href='https://a.example'>this</a>.", "See this.", id="links"),
        pytest.param("<img src='x'>", "", id="pictures"),
        pytest.param("no tags", "no tags", id="plain"),
    ],
)
def test_blocks_become_lines_and_words_stay(html, text):
    """What a reader of the page sees as words is kept, and nothing else."""
    assert markup.to_text(html) == text


def test_a_declaration_that_is_no_html_is_told():
    """What the standard parser cannot take is a ValueError without the text."""
    with pytest.raises(ValueError, match=r"^not HTML$"):
        markup.to_text("a <![secret[ b")
