"""What a person prints of a procedure: what is asked, how it was opened, how it was decided."""
