"""HTML to text: block elements become lines; styles, scripts and targets of links go."""

import re
from html.parser import HTMLParser

_PARAGRAPHS = frozenset({"blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "ul"})
_LINES = _PARAGRAPHS | {"address", "br", "dd", "div", "dl", "dt", "hr", "li", "pre", "table", "tr"}
_UNSEEN = frozenset({"script", "style", "xml"})  # xml: settings that a word processor left behind
_GAP = re.compile(r"\n{3,}")


def to_text(html: str) -> str:
    """Return the words of an HTML fragment, with a line a block and an empty line a paragraph.

    A link keeps its words; what it points to is dropped.

    Raises:
        ValueError: It holds a declaration that is no HTML.
    """
    reader = _Reader(convert_charrefs=True)
    try:
        reader.feed(html)
        reader.close()
    except AssertionError:  # so html.parser tells `<![ ...` with an unknown word
        raise ValueError("not HTML") from None
    lines = (" ".join(line.split()) for line in "".join(reader.pieces).split("\n"))
    return _GAP.sub("\n\n", "\n".join(lines)).strip()


class _Reader(HTMLParser):
    def __init__(self, *, convert_charrefs: bool) -> None:
        super().__init__(convert_charrefs=convert_charrefs)
        self.pieces: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._break(tag)
        if tag == "li":
            self.pieces.append("- ")
        self._unseen += tag in _UNSEEN

    def handle_endtag(self, tag: str) -> None:
        self._break(tag)
        self._unseen -= tag in _UNSEEN and self._unseen > 0

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._break(tag)

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            # A line break in the source of a page is a space on it.
            self.pieces.append(re.sub(r"\s", " ", data))

    def _break(self, tag: str) -> None:
        if tag in _LINES:
            self.pieces.append("\n\n" if tag in _PARAGRAPHS else "\n")
