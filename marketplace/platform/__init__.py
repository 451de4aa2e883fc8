"""The shell every package stands on: settings, database, Redis, outbox, jobs, HTTP."""
