"""The hub: machines, links and sessions, without web or Jupyter."""
