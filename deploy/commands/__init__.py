"""The `youguan` command: a file for each of its words, loaded when that word is said."""
