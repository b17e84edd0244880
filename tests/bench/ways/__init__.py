"""Ways from a CLI's standard output to the hub, which are compared with one another."""
