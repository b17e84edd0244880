"""`within`, as the hub has it."""

from codecast_jupyter.waiting import within

__all__ = ["within"]
