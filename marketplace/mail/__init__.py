"""Mail that events send: to whom, about what, and who does not want it."""
