"""The IPython profile of the awe> prompt: what it looks like and what it loads."""
