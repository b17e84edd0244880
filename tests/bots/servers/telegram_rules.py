"""The rules of the Bot API that a message may break, as they are published."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class Refused(Exception):
    def __init__(self, code: int, words: str, **parameters: Any) -> None:
        super().__init__(words)
        self.code, self.words, self.parameters = code, words, parameters


def problem_of(text: str, entities: list[Json]) -> str:
    """What is wrong with entities of a text; empty for nothing."""
    size = units_of(text)
    if len(entities) > 100:
        return "more than 100 entities"
    if any((ord(char) < 32 and char != "\n") or 0x2028 <= ord(char) <= 0x202E for char in text):
        return "a control character, which would vanish"
    spans = []
    for entity in entities:
        begin, end = entity["offset"], entity["offset"] + entity["length"]
        if begin < 0 or entity["length"] <= 0 or end > size:
            return f"entity {entity} is outside of the text"
        units = text.encode("utf-16-le")
        for at in (begin, end):
            if at < size and 0xDC <= units[2 * at + 1] <= 0xDF:
                return f"entity {entity} begins or ends in a character"
        if entity["type"] == "text_link" and not entity.get("url"):
            return "a link without url"
        spans.append((begin, end, entity["type"]))
    for index, (begin, end, kind) in enumerate(spans):
        for begin2, end2, kind2 in spans[index + 1 :]:
            if end <= begin2 or end2 <= begin:
                continue
            inside = begin <= begin2 and end2 <= end
            around = begin2 <= begin and end <= end2
            if not inside and not around:
                return "entities cross"
            outer, inner = (kind, kind2) if inside else (kind2, kind)
            if outer in ("pre", "code") or (inner in ("pre", "code") and outer != "blockquote"):
                return f"{inner} in {outer}"
            if outer == inner == "blockquote":
                return "a quote in a quote"
    return ""


def units_of(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def check(right: bool, words: str) -> None:
    if not right:
        raise Refused(400, words)
