"""Open data: what public procedures publish, by the Open Contracting Data Standard 1.1.5."""
