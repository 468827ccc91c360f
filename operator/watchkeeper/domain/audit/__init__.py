"""The audit stream, pure: what is recorded, how records are chained, signed, checked and exported."""
