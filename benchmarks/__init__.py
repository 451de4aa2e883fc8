"""What the product does per second, as ratios against a baseline measured in the same run."""
