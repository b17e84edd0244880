"""An agent's Markdown without power over the page that shows it.

A notebook trusts what its own cells put out, so that raw HTML in an output's Markdown would run
as a script with all that the person may do: answer permissions, for one. An agent repeats
words of files and web pages, which are anybody's. So tags become words here, and links that
are scripts lead nowhere; code stays as it was written.
"""

from __future__ import annotations

import re

from ..words import safe

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})([^`]*)$")
_NOTHING = "\u200b"  # of no width: what stands before and after it is no tag and no scheme


def disarmed(text: str) -> str:
    """The same to read; nothing in it is HTML or a script."""
    lines: list[str] = []
    inside: str | None = None  # the fence of the block we are in
    body: list[str] = []
    language = ""
    for line in safe(text).replace("\t", "    ").split("\n"):
        if inside is None:
            opened = _FENCE.match(line)
            if opened:
                inside, language, body = opened[1], opened[2].strip(), []
            else:
                lines.append(_words(line))
        elif re.fullmatch(rf" {{0,3}}{re.escape(inside[0])}{{{len(inside)},}} *", line):
            lines += _block(body, language)
            inside = None
        else:
            body.append(line)
    if inside is not None:  # still being said, or never ended
        lines += _block(body, language)
    return "\n".join(lines)


def _block(body: list[str], language: str) -> list[str]:
    """A fence of our own, at the line's beginning and surely ended: no reader sees another end."""
    longest = max((len(run) for line in body for run in re.findall(r"`{3,}", line)), default=2)
    ticks = "`" * (longest + 1)
    # a blank line ends whatever might still be open, a list or a line of code
    return ["", f"{ticks}{re.sub(r'[^A-Za-z0-9+#._-]', '', language)}", *body, ticks, ""]


def _words(line: str) -> str:
    """Nobody can tell for sure what is code in a paragraph: tags are broken in both."""
    line = re.sub(r"<(https?://[^\s<>]+)>", r"\1", line)
    line = re.sub(r"<(?=[A-Za-z/!?])", "<" + _NOTHING, line)
    line = re.sub(r"&(?=#|[A-Za-z])", "&" + _NOTHING, line)
    return re.sub(r"(?i)((?:java|vb)script)(?=\\*:)", r"\1" + _NOTHING, line)
