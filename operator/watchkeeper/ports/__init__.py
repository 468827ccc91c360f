"""What the engine needs from the world, as protocols with their value types; adapters and subjects implement them."""
