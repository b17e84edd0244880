"""What Codecast runs on a machine: standard library only, Python 3.8 and newer."""
