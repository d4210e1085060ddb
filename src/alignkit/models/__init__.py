"""Two-stream models: placements, schedules as data, and the walk that executes them."""
