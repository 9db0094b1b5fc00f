"""The list of releases that must never be served again, by the sha256 of their manifests.

It lies beside the release folder and is no part of any commit, so that a checkout of an older
release does not bring an older list back; git tags `revoked/<sha256>` carry it to other clones.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from caretune.errors import LineageError

NAME = "revoked.txt"
TAG = "revoked/"
"""What the names of the tags begin with; the sha256 follows, the reason is their message."""

_LINE = re.compile("(?P<digest>[0-9a-f]{64}) (?P<reason>.+)")


def beside(release: Path) -> Path:
    """Return where the list lies that a release folder is held against."""
    return release.parent / NAME


def read(path: Path) -> dict[str, str]:
    """Return sha256 of a manifest -> reason, in the order of the list; {} where there is none.

    Raises:
        LineageError: The list is unreadable: whatever it said must hold, so nothing may be served.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise LineageError(f"{path}: cannot be read ({type(error).__name__}). Mend it.") from None
    found: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if not (entry := _LINE.fullmatch(line)):
            raise LineageError(
                f"{path} line {number}: expected `sha256 reason`. Restore the line; "
                "`caretune revoked` brings back what git tags tell."
            )
        found.setdefault(entry["digest"], entry["reason"])
    return found


def add(path: Path, reasons: Mapping[str, str]) -> list[str]:
    """Append releases to the list and return those that are new; what stands there stays.

    All lines go out in one write to the end of the file, so that two writers never mix theirs.

    Args:
        path: The list; it is made where there is none.
        reasons: sha256 of a manifest -> why it is revoked, in one line.

    Raises:
        LineageError: The list is unreadable, or an entry is not `sha256 reason`.
    """
    known = read(path)
    new = {digest: reason for digest, reason in reasons.items() if digest not in known}
    text = "".join(f"{digest} {reason}\n" for digest, reason in new.items())
    if any(not _LINE.fullmatch(line) for line in text.splitlines()):
        raise LineageError(
            f"{path}: expected a sha256 and a reason of one line; nothing was added."
        )
    if new:
        if path.is_file() and not path.read_bytes().endswith(b"\n"):  # edited by hand
            text = f"\n{text}"
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, text.encode())
            os.fsync(handle)
        finally:
            os.close(handle)
    return list(new)


def refusal(digest: str, reason: str) -> str:
    """Return the sentence that says why a release is not served or built."""
    return f"release {digest[:12]} is revoked: {reason}. Serve another release (docs/forget.md)."


class Watch:
    """Tells whether one release is revoked, while the list may grow.

    Args:
        path: The list.
        digest: sha256 of the release's manifest.
    """

    def __init__(self, path: Path, digest: str) -> None:
        self._path = path
        self._digest = digest
        self._seen: tuple[int, int, int] | None = None
        self._reason: str | None = None

    def reason(self) -> str | None:
        """Return why the release must not be served, or None; a stat a call (2 µs).

        Once revoked stays revoked, whatever happens to the list. A list that cannot be read revokes
        until it can.
        """
        if self._reason is not None:
            return self._reason
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._seen = None
            return None
        except OSError as error:
            return f"{self._path}: cannot be read ({type(error).__name__}). Mend it."
        now = (found.st_mtime_ns, found.st_size, found.st_ino)
        if now != self._seen:
            try:
                said = read(self._path)
            except LineageError as error:
                return str(error)
            self._seen = now
            if self._digest in said:
                self._reason = refusal(self._digest, said[self._digest])
        return self._reason
