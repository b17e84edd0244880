"""Chat bots (Telegram, Discord, Lark): a process of its own, and only a client of the API.

`platforms.contract` is what a platform must do; `view` folds events, `rendering` makes messages of
them, `outbox` brings these to the chat; `bot` is one platform with its people; `app` the process.
"""
