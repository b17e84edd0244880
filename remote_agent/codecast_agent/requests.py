"""The open requests of a session: permissions and questions, each answered once.

Which are open is in the ledger. The first valid answer wins; who comes later hears who it
was. What an answer must look like is known from the request itself, so that no adapter needs
to check it again.
"""

from typing import Any, Dict, List, Tuple

from .clis.contract import Answer
from .ledger import Ledger
from .prompts import person
from .protocol.errors import CodecastError

Event = Dict[str, Any]


def read(ledger: Ledger, params: Dict[str, Any]) -> Tuple[str, Answer, Event]:
    """The request's id, the answer in `params`, and the event that resolves it.

    Raises CodecastError: `already_resolved` (with `by`, `where`, `option`), `conflict` when it
    was withdrawn, `not_found`, `bad_request` when the answer does not fit.
    """
    id = str(params.get("request"))
    request = ledger.state["requests"].get(id)
    if request is None:
        raise _over(ledger, id)
    event: Event = {"type": "request_resolved", "request": id}
    message = params.get("message")
    if message is not None:
        if not isinstance(message, str):
            raise CodecastError("bad_request", "The message of an answer is text.")
        event["message"] = message
    if params.get("declined"):
        event["declined"] = True
        answer = Answer(declined=True, message=message)
    elif request.get("kind") == "question":
        answers = _answers(request.get("questions", []), params.get("answers"))
        event["answers"] = answers
        answer = Answer(answers=answers, message=message)
    else:
        option = _option(request.get("options", []), params.get("option"))
        event["option"] = option["id"]
        event["label"] = option.get("label", option["id"])
        answer = Answer(option=option["id"], message=message)
    event.update(person(params))
    return id, answer, event


def _over(ledger: Ledger, id: str) -> CodecastError:
    earlier = ledger.answers.get(id)
    if earlier is not None:
        who = earlier.get("by") or "somebody"
        where = " in %s" % earlier["where"] if earlier.get("where") else ""
        return CodecastError(
            "already_resolved", "%s%s has answered it already." % (who, where), data=earlier
        )
    if id in ledger.withdrawn:
        return CodecastError("conflict", "The CLI has withdrawn this request.")
    return CodecastError("not_found", "This session never had a request %s." % id)


def _option(options: List[Dict[str, Any]], chosen: Any) -> Dict[str, Any]:
    for option in options:
        if option.get("id") == chosen:
            return option
    raise CodecastError(
        "bad_request",
        "There is no option %r." % (chosen,),
        "Choose one of: %s." % ", ".join(str(option.get("id")) for option in options),
    )


def _answers(questions: List[Dict[str, Any]], given: Any) -> Dict[str, List[str]]:
    if not isinstance(given, dict):
        raise CodecastError("bad_request", "A question is answered by `answers`, or declined.")
    answers: Dict[str, List[str]] = {}
    for question in questions:
        id, text = question["id"], question.get("text", "")
        values = given.get(id)
        if isinstance(values, str):
            values = [values]
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise CodecastError("bad_request", "No answer to: %s" % text)
        labels = [option.get("label") for option in question.get("options", [])]
        own = [value for value in values if value not in labels]
        if own and not question.get("free_text", True):
            raise CodecastError(
                "bad_request",
                "%r is no answer to: %s" % (own[0], text),
                "Choose of: %s." % ", ".join(str(label) for label in labels),
            )
        if not values or (len(values) > 1 and not question.get("multiple")):
            raise CodecastError("bad_request", "One answer is wanted to: %s" % text)
        answers[id] = values
    unknown = sorted(set(given) - set(answers))
    if unknown:
        raise CodecastError("bad_request", "There is no question %s." % unknown[0])
    return answers
