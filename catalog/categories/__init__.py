"""Where products belong, and what is to be told of those that belong there."""
