"""Errors, times in UTC, progress and names: the room that all others know."""
