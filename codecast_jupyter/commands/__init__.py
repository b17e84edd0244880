"""What a person can say to Codecast: one table of commands for shell, notebook and chats.

`table` holds names, arguments, help and the functions; `parsing` reads what was typed;
`results` are what they return; `render` is how a result looks; `transcript` turns events into
what a person reads. Nothing here prints or reads a keyboard: a surface gives a
`context.Context` and shows the result.
Only the standard library is imported at the top, since shells complete through this table.
"""
