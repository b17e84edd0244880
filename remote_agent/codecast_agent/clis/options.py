"""Which option of a permission request an answer means; alike for every protocol of our own."""

from typing import Any, Dict, List

from ..protocol.errors import CodecastError
from .contract import Answer


def chosen(answer: Answer, options: List[Dict[str, Any]]) -> str:
    """The option's id. Raises CodecastError("bad_request") for one that was not offered."""
    if answer.option is None and answer.declined:
        return "reject_once"
    ids = [option["id"] for option in options]
    if answer.option not in ids:
        raise CodecastError(
            "bad_request", "There is no option %r." % answer.option, "Choose: " + ", ".join(ids)
        )
    return str(answer.option)
