"""Values and rules every package shares. No I/O; imports nothing else of ours."""
