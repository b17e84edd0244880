"""HTTP statuses that CLIs tell of."""

from typing import Optional


def passes(status: Optional[int]) -> bool:
    """Whether the same request may succeed later: what refused it was a moment, not itself."""
    return status is not None and (status in (408, 409, 429) or status >= 500)
