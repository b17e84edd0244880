"""How results look: `terminal` (rich), `markdown` (chats, notebooks) and `json` (programs).

Every type in `results.RESULTS` has a renderer in `terminal.RENDERERS` and `markdown.RENDERERS`.
"""
