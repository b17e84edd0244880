"""The shell's surface: parsing by the command table, questions at the terminal, `attach`."""
