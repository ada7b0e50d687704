"""The IPython profile of the awe> prompt: what it looks like and where its files lie."""
