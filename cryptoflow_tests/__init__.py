"""The tests, by tier: a folder says what a test may touch, and conftest enforces it."""
