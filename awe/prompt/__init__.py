"""The awe> prompt and the `awe` command."""
