"""What kind of word, figure or mark may be part of an address, in the languages that are met here.

Kinds are hints to the address tagger (addresses.py), never a verdict. Written for this project from
general knowledge; house and street words, street endings and abbreviations as maps and forms use them.
"""

import re

from caretune.safety.names import Lexicon


def _kinds(**words: str) -> dict[str, str]:
    return {word: kind for kind, listed in words.items() for word in listed.split()}


_KINDS = _kinds(
    street="street st road rd avenue ave lane ln drive dr court ct close crescent cres terrace tce gardens "
    "grove mews boulevard blvd highway hwy parkway pkwy circle cir trail trl row parade pde quay rise "
    "steps loop wharf yard wynd brae croft meadow meadows mead copse garth heights crossing pike route "
    "alley esplanade promenade causeway crest bluff hollow spur ridge bypass turnpike freeway expressway "
    "extension layout colony cross sokak sokağı cad caddesi sk mahallesi utca út útja tér tere körút "  # noqa: RUF001 - Turkish
    "katu tie väg plads allé weg straße strasse gasse platz allee damm",
    perhaps="way place pl square sq hill park green view walk bank end fold reach vale dale field fields "
    "bend drift loan gate common dell gables barn track run path pass point port bay key island junction "
    "mill well bridge church market upper lower nether",
    house="house houses hall lodge cottage cottages farm estate towers tower mansion mansions villa villas rectory "
    "manor grange buildings apartments residence hostel shelter motel arcade centre center",
    unit="flat apt apartment unit room suite ste block bldg building floor lot plot site ward pitch berth "
    "mooring dorm level shop shed no nr num number haus zimmer app apto bât bis daire kat kv lgh lok box "
    "door sector phase zone hno blk pontoon mailbox interior piso escalera stairwell og wing",
    abroad="rue calle via viale vicolo corso piazza av avda avenida rua r travessa praça quadra ul ulica os "
    "aleja plac vul ulitsa prospekt jalan jl jln lorong rehov sharia odos carrer carretera carrera camino "
    "impasse chemin quai cours allée passeig strada plaza paseo purok brgy barrio gali "
    "platía leoforos leof náměstí trg ulice",
    box="po psc fpo apo dpo rr gpo cpo postbox uss usns usnv",
    live="live lives living lived stay stays staying stayed moved move moving resides residing rent "
    "rents reside home",
    address="address addressed addresses post postcode zip mail deliver delivered delivery ship shipped send "
    "sent letter letters parcel located office taxi cab visit meet address's label returned return",
    place="at to from in on near outside off opposite behind beside by around is was between",
    land="co county uk usa us england scotland wales ireland canada australia nz zealand india germany "
    "france spain italy portugal poland netherlands belgium denmark sweden norway finland austria "
    "switzerland hungary nigeria kenya ghana africa brazil mexico japan china korea greece turkey "
    "russia ukraine iceland greenland uruguay argentina chile colombia peru estonia latvia lithuania "
    "slovenia croatia serbia romania bulgaria israel egypt tunisia morocco malaysia singapore thailand",
    state="al ak az ar ca fl ga hi id il ia ks ky me md ma mi mn ms mo mt ne nv nh nj nm ny nc nd oh "
    "ok or pa ri sc sd tn tx ut vt va wa wv wi wy ab bc mb nb nl ns nt nu pe qc yt act nsw qld tas "
    "vic ae ap aa",
    side="north south east west n s e w nw se sw",
    of="de du des del della dei da do das dos la le les los las el van von der den im zum zur na",
    month="january february march april may june july august september october november december jan feb mar "
    "apr jun jul aug sep sept oct nov dec",
    time="am pm year years old minutes minute hours hour days day weeks week months month mg percent times o'clock "
    "miles km kilos pounds dollars quid euros people kids",
    number="call text ring phone mobile tel fax dial score page version order ref reference case card ssn "
    "social born birthday dob",
)
_STREET_ENDING = re.compile(
    r"\w{2}(?:stra(?:ß|ss)e|str|weg|gasse|platz|allee|damm|ufer|straat|laan|plein|plantsoen|hof|kade|gracht|dijk|"
    r"gat[ae]n?|vägen|väg|stigen|stien|veien|vegen|vej|gade|vænget|katu|kuja|polku|tie|götu|gata|braut|"
    r"utca|ova|eva|ska|ská|ého|gården|toften|parken|bakken)$"
)
_TELLING = frozenset({"street", "perhaps", "house", "unit", "abroad", "box"})
_ORDINALS = frozenset({"st", "nd", "rd", "th"})
_BY_CASE = frozenset({"state", "side", "of", "month", "place"})
_MARKS = frozenset(",.-/#:;()&\"?!'>º°\n")
_DIGITS, _LETTERS = re.compile(r"\d+"), re.compile(r"[^\W\d]+")
_LONGEST_FIGURE = 7


def known(word: str, lexicon: Lexicon) -> bool:
    """Tell whether a lower-case word may count by itself: an everyday word or one listed here."""
    return word in _KINDS or word in lexicon.common


def tells(word: str) -> bool:
    """Tell whether an address may begin at a word: a number, or a word of a street, house or box."""
    low = word.lower()
    named = _KINDS.get(low)
    if named is None:
        return any(map(str.isdecimal, word)) or _STREET_ENDING.search(low) is not None
    return named in _TELLING


def kind(word: str, lexicon: Lexicon) -> str:
    """Return what kind of word, figure or mark this is."""
    if not word[0].isalnum():
        return word if word in _MARKS else "mark"
    if any(map(str.isdecimal, word)):
        return _figure(word)
    low = word.lower()
    case = (
        "small" if word[0].islower() else "upper" if word.isupper() and len(word) > 1 else "title"
    )
    named = _KINDS.get(low)
    if named is None:
        named = _unlisted(low, lexicon)
    elif named not in _BY_CASE:
        return named
    return f"{named} {case}"


def _unlisted(word: str, lexicon: Lexicon) -> str:
    if word in lexicon.common:
        return "everyday"
    if _STREET_ENDING.search(word):
        return "ending"
    if len(word) == 1:
        return "letter"
    return "given" if word in lexicon.given else "rare"


def _figure(word: str) -> str:
    """Return the length of a number, or a run of digits as 9 and one of letters as a: "a9" for SE13."""
    if word.isdecimal():
        return f"{'0' if word[0] == '0' else ''}{min(len(word), _LONGEST_FIGURE)}"
    if not word.isalnum() and "'" not in word:
        return "figures"
    shape = _LETTERS.sub("a", _DIGITS.sub("9", word))
    ending = word[-2:]
    return f"{shape} {ending}" if ending in _ORDINALS else f"{shape} {word.isupper()}"
