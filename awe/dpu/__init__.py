"""Where tasks run: jobs, a pool of worker processes, logs and status."""
