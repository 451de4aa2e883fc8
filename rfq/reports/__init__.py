"""Reports of sourcing: what it saved, who took part, how long it took."""
