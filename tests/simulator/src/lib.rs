//! Random histories with faults, and the checks that every one must pass.
