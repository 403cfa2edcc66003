//! Whole-request specifications, run against the local cloud
