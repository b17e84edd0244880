"""What Claude says that turns took: tokens, US dollars, time, and how full its memory is."""

from typing import Any, Dict, Optional

from .claude_content import Content
from .contract import Host
from .lines import obj, present, whole


class Usage:
    """`before` is what the conversation had cost when this process took it up, in US dollars."""

    def __init__(self, host: Host, content: Content, before: float) -> None:
        self._host = host
        self._content = content
        self._before = before
        self._cost = 0.0  # of this process so far

    def take(self, message: Dict[str, Any]) -> Dict[str, Any]:
        """Of a `result`: tell what the session has used; returns the turn's own part."""
        used = obj(message.get("usage"))
        usage = present(
            input_tokens=whole(used.get("input_tokens")),
            output_tokens=whole(used.get("output_tokens")),
            cache_read_tokens=whole(used.get("cache_read_input_tokens")),
            cache_write_tokens=whole(used.get("cache_creation_input_tokens")),
        )
        fields: Dict[str, Any] = {"usage": usage} if usage else {}
        total = message.get("total_cost_usd")
        told: Dict[str, Any] = dict(fields)
        if isinstance(total, (int, float)) and not isinstance(total, bool):
            # the total of a resumed or forked conversation begins with what it had cost before
            spent = _spent(message.get("model_usage_since_last_result"))
            spent = max(0.0, total - self._cost) if spent is None else spent
            fields["cost_usd"] = round(spent, 8)
            self._cost += spent
            told["cost_usd"] = round(self._before + self._cost, 8)
        window = 0
        for model in obj(message.get("modelUsage")).values():
            window = max(window, whole(obj(model).get("contextWindow")) or 0)
        if window:
            told["context_size"] = window
        if self._content.context_used is not None:
            told["context_used"] = self._content.context_used
        if told:
            self._host.emit("usage_update", **told)
        duration = message.get("duration_ms")
        if isinstance(duration, (int, float)):
            fields["duration"] = round(duration / 1000, 3)
        return fields


def _spent(models: Any) -> Optional[float]:
    """US dollars since the last result, of all models; None where Claude does not tell."""
    costs = [obj(model).get("costUSD") for model in obj(models).values()]
    found = [cost for cost in costs if isinstance(cost, (int, float)) and cost >= 0]
    return float(sum(found)) if isinstance(models, dict) and len(found) == len(costs) else None
