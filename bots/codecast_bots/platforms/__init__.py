"""One file a chat platform; each is an `Adapter` of `contract` and is imported only when it is
configured."""
