"""Keys of vendors and engines: where they are kept, and the one way to them."""
