"""Chat bots (Telegram, Discord, Lark) will live here as clients of the API.

Nothing is implemented yet: the package keeps its name and its place in the wheel.
"""
