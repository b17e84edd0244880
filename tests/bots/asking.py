"""What the model is told to ask."""

from __future__ import annotations

import json
from typing import Any

Json = dict[str, Any]


def question(text: str, header: str, *labels: str, many: bool = False) -> Json:
    options = [{"label": label, "description": f"the {label}"} for label in labels]
    return {"question": text, "header": header, "multiSelect": many, "options": options}


def asks(*questions: Json) -> str:
    """The line of a prompt."""
    return f"tool:AskUserQuestion:{json.dumps({'questions': questions})}"


FRUITS = question("Which fruits?", "Fruits", "Apple", "Pear", "Fig", many=True)
COLOUR = question("Which colour?", "Colour", "Red", "Blue")
WAY = question("Which way?", "Way", "Left", "Right")
