"""Pure decisions: (proposal, policy, stops, facts, now) to a decision. No I/O and no clock in here."""
