"""Explanations of abnormally low offers."""
