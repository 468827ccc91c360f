"""The audit stream as the engine writes it: seen in the object store, chained, flushed, signed."""
