//! Proves that counters and balances are the sums of the ledger.
