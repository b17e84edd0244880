"""Files that a person sends with a prompt.

    SESSION/attachments/<first 8 digits of the SHA-256>/<name>

A block names one by `attachment:<digits>/<name>`, also in the journal: the same words before
and after its delivery, on whatever machine. Only what is handed to the CLI has the path and,
for an image, the data; so megabytes travel once and lie in one place.
"""

import os
import re
from typing import Any, Dict, List

from .places import Place
from .protocol.errors import CodecastError

SCHEME = "attachment:"
NAME_BYTES = 200
_REFERENCE = re.compile(r"attachment:([0-9a-f]{8})/([^/\0]+)\Z")


def path_of(place: Place, uri: str) -> str:
    """Where an attachment of a session lies. Raises CodecastError("bad_request")."""
    found = _REFERENCE.match(uri)
    if found is None:
        raise CodecastError("bad_request", "%r names no attachment." % uri)
    return os.path.join(place.attachments, found.group(1), check_name(found.group(2)))


def check_name(name: Any) -> str:
    """`name`, when it can be a file's in one directory. Raises CodecastError("bad_request")."""
    fits = (
        isinstance(name, str)
        and name not in ("", ".", "..")
        and not name.startswith(".")
        and "/" not in name
        and name.isprintable()
        and len(os.fsencode(name)) <= NAME_BYTES
    )
    if not fits:
        raise CodecastError("bad_request", "An attachment's name cannot be %r." % (name,))
    return str(name)


def resolve(place: Place, content: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """Content blocks as a CLI's adapter takes them: paths for names, images with their data.

    Raises CodecastError("not_found") when an attachment is not there.
    """
    return [_resolve(place, block) for block in content]


def _resolve(place: Place, block: Dict[str, Any]) -> Dict[str, Any]:
    uri = block.get("uri")
    if not isinstance(uri, str) or not uri.startswith(SCHEME):
        return block
    path = path_of(place, uri)
    found = {**block, "uri": "file://" + path}
    try:
        if block.get("type") == "image":
            with open(path, "rb") as file:
                import base64  # few prompts have images

                found["data"] = base64.b64encode(file.read()).decode("ascii")
        else:
            os.stat(path)
    except OSError as problem:
        raise CodecastError(
            "not_found",
            "The attachment %s is not on the machine: %s."
            % (os.path.basename(path), problem.strerror),
            "Attach it once more.",
        ) from problem
    return found
