"""PD's scheduling: operators and their steps, schedulers, the rule checker, store limits."""
