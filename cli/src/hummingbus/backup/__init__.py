"""One encrypted file that holds an installation: its database, its sandbox exchange's journal and its secrets."""
