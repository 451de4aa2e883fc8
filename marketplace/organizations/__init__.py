"""Companies, their units and members, keys and sessions: who somebody is and what he may do."""
